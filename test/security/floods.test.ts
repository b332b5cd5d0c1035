/** Each flood for a moment; for as long as it takes, and with figures: test/soak/floods.ts. */
import { expect, test } from 'vitest';
import { FLOODS } from '../soak/flood-kinds.js';
import { runFlood } from '../soak/flood-run.js';

const TIMES = { quietMs: 100, floodMs: 1000 };

test.each(FLOODS.map((kind) => [kind.name, kind] as const))(
  'a flood of %s: honest peers are served, the relay lives and forgets it',
  { timeout: 60_000 },
  async (_, kind) => {
    const { rounds, connections, honestErrors, left, exitCode } = await runFlood(kind, TIMES);
    expect({ honestErrors, left, exitCode }).toEqual({ honestErrors: [], left: [], exitCode: 0 });
    expect(rounds).toBeGreaterThan(10);
    expect(connections).toBeGreaterThanOrEqual(kind.connections);
  },
);
