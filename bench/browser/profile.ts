/**
 * Where the measured page spends its time, by function of the sources. A run of its own: being profiled slows the page,
 * so nothing of it is timed.
 *
 *   npx tsx bench/browser/profile.ts [--carrier NAME] [--out DIR]
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findChromium } from '../../test/tools/find-browser.js';
import { KIB, MIB } from '../scenarios/scenario.js';
import { DEBUGGING_ARGUMENTS, PageProfiler } from './page-profiler.js';
import { formatShares, type Profile, toShares } from './profile-shares.js';
import type { Direction } from './protocol.js';
import { DIRECTIONS } from './scenarios.js';
import { Setting } from './setting.js';

const WARM_UP_BYTES = 64 * MIB;
const TOTAL_BYTES = 512 * MIB;

const { values } = parseArgs({
  options: { carrier: { type: 'string', default: 'trunkline' }, out: { type: 'string' } },
});

await Setting.use({ executable: await findChromium(), extraArguments: DEBUGGING_ARGUMENTS }, async (setting) => {
  const carrier = setting.carriers.find((each) => each.carrier === values.carrier);
  if (carrier === undefined) throw new Error(`there is no carrier ${values.carrier}`);
  const profiler = await PageProfiler.attach(setting.userDataDirectory);
  for (const direction of DIRECTIONS) {
    const transfer = { direction, writeBytes: 64 * KIB, hashed: false };
    await setting.transfer(carrier, { ...transfer, totalBytes: WARM_UP_BYTES });
    await profiler.start();
    await setting.transfer(carrier, { ...transfer, totalBytes: TOTAL_BYTES });
    await report(direction, await profiler.stop());
  }
  profiler.detach();
});

async function report(direction: Direction, profile: Profile): Promise<void> {
  const mebibytes = TOTAL_BYTES / MIB;
  console.log(`\n${values.carrier}, ${direction}: ${formatShares(await toShares(profile), mebibytes)}`);
  if (values.out === undefined) return;
  await mkdir(values.out, { recursive: true });
  await writeFile(join(values.out, `${values.carrier}-${direction}.cpuprofile`), JSON.stringify(profile));
}
