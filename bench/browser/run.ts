/**
 * Page and Node, Trunkline beside raw WebSockets, in a Chromium that nothing drives:
 *
 *   npx tsx bench/browser/run.ts [--rounds N] [--json FILE]
 *
 * It measures dist as it is.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { FOREIGN_CORES_TOLERATED } from '../foreign-cpu.js';
import { measureBrowserInDetail } from './measure.js';
import { formatRows } from './table.js';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, json: { type: 'string' } } });
const rounds = Number(values.rounds);
if (!Number.isSafeInteger(rounds) || rounds < 1) throw new RangeError(`--rounds takes a whole number, not ${rounds}`);

const { rows, samples, foreignCores } = await measureBrowserInDetail({ rounds });
console.log(formatRows(rows));
console.log(`\nOther programs used ${foreignCores.toFixed(2)} cores meanwhile.`);
if (foreignCores > FOREIGN_CORES_TOLERATED) console.log('That is too much: the ratios above are not to be relied on.');
if (values.json !== undefined) {
  const results = { when: new Date().toISOString(), node: process.version, foreignCores, rows, samples };
  await writeFile(values.json, `${JSON.stringify(results, null, 1)}\n`);
}
