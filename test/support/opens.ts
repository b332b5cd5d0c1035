import type { Relay } from '../../relay/index.js';
import type { Open } from '../../src/protocol/frames.js';

/** Every OPEN that a relay receives from now on, whatever it answers. */
export function watchOpens(relay: Relay): Open[] {
  const opens: Open[] = [];
  type OpenReceived = (connection: unknown, id: number, open: Open, now: number) => void;
  const { broker } = (relay as unknown as { core: { broker: { openReceived: OpenReceived } } }).core;
  const openReceived = broker.openReceived.bind(broker);
  broker.openReceived = (connection, id, open, now) => {
    opens.push(open);
    openReceived(connection, id, open, now);
  };
  return opens;
}

export function kindsOf(opens: readonly Open[]): string[] {
  return opens.map(({ target }) => target.kind);
}
