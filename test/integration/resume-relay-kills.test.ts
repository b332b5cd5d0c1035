import { describe, expect, it } from 'vitest';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { transferWhileRelaysDie } from '../support/relay-kills.js';
import { RelayProcess } from '../support/relay-process.js';

const load = { routes: 2, streamsPerRoute: 3, bytesEachWay: 1024 * 1024 };
const TOTAL_BYTES = load.routes * load.streamsPerRoute * load.bytesEachWay * 2;

checkLeaksAfterEach();

describe('a relay that is killed during transfers', () => {
  it('and started anew on the same port: no stream fails, no byte is lost or comes twice', async () => {
    const relay = await RelayProcess.start();
    const kills: number[] = [];
    const bytes = await transferWhileRelaysDie({
      relays: [relay],
      kills: 3,
      ...load,
      onKill: (kill) => kills.push(kill),
    });
    expect(bytes).toBe(TOTAL_BYTES);
    expect(kills).toEqual([1, 2, 3]);
    expect(await relay.close()).toBe(0);
  }, 60_000);

  it('while there is another: all go on there, and so again when that one is killed', async () => {
    const relays = await Promise.all([RelayProcess.start(), RelayProcess.start()]);
    const bytes = await transferWhileRelaysDie({ relays, kills: 2, ...load });
    expect(bytes).toBe(TOTAL_BYTES);
    expect(await Promise.all(relays.map((relay) => relay.close()))).toEqual([0, 0]);
  }, 60_000);
});
