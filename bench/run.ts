/**
 * Trunkline beside the least that a WebSocket relay can do, in one run and in turn, so that the ratio holds where the
 * figures do not: on another machine. It does not hold beside other work, which the two need not suffer alike.
 */
import { execFileSync } from 'node:child_process';
import { type Browser, findBrowser } from './browser/find-browser.js';
import { measureBrowser } from './browser/measure.js';
import { withKnownMetrics } from './browser/scenarios.js';
import { describeEnvironment, formatEnvironment } from './environment.js';
import { requireOpenFiles } from './file-limit.js';
import { FOREIGN_CORES_TOLERATED, withForeignCores } from './foreign-cpu.js';
import { formatSeries } from './growth/report.js';
import type { Series } from './growth/series.js';
import { growByStreams } from './growth/streams.js';
import { growByTunnels, TUNNEL_COUNTS } from './growth/tunnels.js';
import { growByWrites } from './growth/writes.js';
import { measureScenarios } from './measure.js';
import { type BenchOptions, readOptions, USAGE } from './options.js';
import { formatRows, type Row, type RowScenario, type ScenarioSamples, toRows } from './report.js';
import { type GrowthResults, type Results, type TableResults, writeResults } from './results.js';
import { socketsOf } from './scenarios.js';
import { buildWorkerScript } from './worker-script.js';

await main(parse());

function parse(): BenchOptions {
  try {
    const options = readOptions(process.argv.slice(2));
    requireOpenFiles(options.mode === 'growth' ? Math.max(...TUNNEL_COUNTS) : socketsOf(options.scenarios));
    return options;
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}

/** Before anything is measured: that takes minutes. */
async function requireBrowser(): Promise<Browser> {
  try {
    return await findBrowser();
  } catch (error) {
    console.error(`${(error as Error).message}\n\nOr measure without a page: --no-browser`);
    process.exit(1);
  }
}

async function main(options: BenchOptions): Promise<void> {
  const browser = options.browserScenarios.length > 0 ? await requireBrowser() : undefined;
  if (options.build)
    execFileSync(process.execPath, ['--import', 'tsx', 'esbuild.config.ts'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  await buildWorkerScript();
  const environment = { ...describeEnvironment(), ...(browser && { browser: browser.version }) };
  console.log(`${formatEnvironment(environment)}; ${options.rounds} rounds\n`);
  const when = new Date().toISOString();
  const { result, foreignCores } = await withForeignCores<Measured<Results>>(() =>
    options.mode === 'growth' ? measureGrowth(options) : measureTable(options, browser),
  );
  console.log(`Other programs used ${foreignCores.toFixed(2)} cores meanwhile.`);
  if (foreignCores > FOREIGN_CORES_TOLERATED)
    console.log('That is too much: the ratios above are not to be relied on.');
  if (options.json === undefined) return;
  writeResults(options.json, { when, environment, rounds: options.rounds, foreignCores, ...result });
}

/** Each kind without what all runs have. */
type Measured<Kind> = Kind extends Results ? Omit<Kind, 'when' | 'environment' | 'rounds' | 'foreignCores'> : never;

async function measureTable(options: BenchOptions, browser: Browser | undefined): Promise<Measured<TableResults>> {
  const { scenarios, browserScenarios, rounds, profile } = options;
  const samples = await measureScenarios(scenarios, { rounds, profile });
  const rows = rowsOf(scenarios, samples);
  if (browser === undefined) return { kind: 'table', rows, samples: Object.fromEntries(samples) };
  const pageSamples = await measureBrowser(browserScenarios, { rounds, executable: browser.executable });
  const known = browserScenarios.map((scenario) => withKnownMetrics(scenario, samplesOf(scenario, pageSamples)));
  rows.push(...rowsOf(known, pageSamples));
  return { kind: 'table', rows, samples: Object.fromEntries([...samples, ...pageSamples]) };
}

/** Printed as soon as they are there: what is measured after them takes minutes, and may fail. */
function rowsOf(scenarios: readonly RowScenario[], samples: Map<string, ScenarioSamples>): Row[] {
  const rows = scenarios.flatMap((scenario) => toRows(scenario, samplesOf(scenario, samples)));
  if (rows.length > 0) console.log(`${formatRows(rows)}\n`);
  return rows;
}

function samplesOf({ name }: RowScenario, samples: Map<string, ScenarioSamples>): ScenarioSamples {
  return samples.get(name) as ScenarioSamples;
}

async function measureGrowth({ rounds }: BenchOptions): Promise<Measured<GrowthResults>> {
  const series: Series[] = [];
  for (const grow of [growByStreams, growByTunnels, growByWrites]) {
    const grown = await grow(rounds);
    console.log(`${formatSeries(grown)}\n`);
    series.push(grown);
  }
  return { kind: 'growth', series };
}
