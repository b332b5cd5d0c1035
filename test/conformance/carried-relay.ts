import { afterEach, expect } from 'vitest';
import { createRelay, type Relay } from '../../relay/relay.js';
import type { Connection } from '../../src/transport/connection.js';
import { until } from '../support/until.js';

const relays: Relay[] = [];

/** The side that is tested: a relay, with its driver and clock, over whatever connection it is given. */
export function carryByRelay(transport: Connection): Relay {
  const relay = createRelay();
  relays.push(relay);
  (relay as unknown as { carry(transport: Connection, request: undefined): void }).carry(transport, undefined);
  return relay;
}

export function closeRelaysAfterEach(): void {
  afterEach(async () => {
    for (const relay of relays.splice(0)) {
      await relay.close();
      await until(() => relay.stats().tunnels.active === 0, 'a relay without tunnels');
      expect(relay.servers()).toEqual([]);
    }
  });
}
