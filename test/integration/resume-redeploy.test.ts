import { describe, expect, it } from 'vitest';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { transferWhileRedeploying } from '../support/rolling-redeploy.js';

const REDEPLOYS = 2;
const load = { routes: 2, streamsPerRoute: 3, bytesEachWay: 1024 * 1024 };

checkLeaksAfterEach();

describe('a relay that is replaced under load', () => {
  it('drains: no error anywhere, transfers go on, and who connects meanwhile gets through', async () => {
    const { bytes, connects, exitCodes } = await transferWhileRedeploying({
      redeploys: REDEPLOYS,
      drainGraceMs: 2_000,
      ...load,
    });
    expect(bytes).toBe(load.routes * load.streamsPerRoute * load.bytesEachWay * 2);
    expect(connects).toBeGreaterThanOrEqual(REDEPLOYS * load.routes);
    expect(exitCodes).toEqual(Array(REDEPLOYS).fill(0));
  }, 60_000);
});
