/**
 * Trunkline beside the least that a WebSocket relay can do, in one run and in turn, so that the ratio holds where the
 * figures do not: on another machine. It does not hold beside other work, which the two need not suffer alike.
 */
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { Deployment } from './deployment.js';
import { FOREIGN_CORES_TOLERATED, watchForeignCpu } from './foreign-cpu.js';
import { type BenchOptions, readOptions, USAGE } from './options.js';
import { formatTable, type ScenarioSamples, toRows } from './report.js';
import { MIB, type Scenario } from './scenarios.js';
import { buildWorkerScript } from './worker-script.js';

const PROBES = [
  { streams: 1, writeBytes: 64 * 1024, totalBytes: 8 * MIB },
  { streams: 1, writeBytes: 1000, totalBytes: MIB },
  { streams: 100, writeBytes: 4321, totalBytes: 8 * MIB },
];

await main(parse());

function parse(): BenchOptions {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}

async function main(options: BenchOptions): Promise<void> {
  if (options.build)
    execFileSync(process.execPath, ['--import', 'tsx', 'esbuild.config.ts'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  await buildWorkerScript();
  const environment = describeEnvironment();
  console.log(`${environment.node}, ${environment.cores} cores, ${environment.masking}; ${options.rounds} rounds\n`);
  const deployments = [
    await Deployment.start('trunkline', options.profile),
    await Deployment.start('raw-ws', options.profile),
  ];
  for (const deployment of deployments) await verify(deployment);
  const ownBefore = await ownCpuMs(deployments);
  const foreignCores = watchForeignCpu();
  const samples = await measure(deployments, options);
  const foreign = foreignCores((await ownCpuMs(deployments)) - ownBefore);
  for (const deployment of deployments) await deployment.stop();

  const rows = options.scenarios.flatMap((scenario) => toRows(scenario, samples.get(scenario.name) as ScenarioSamples));
  console.log(formatTable(rows));
  console.log(`\nOther programs used ${foreign.toFixed(2)} cores meanwhile.`);
  if (foreign > FOREIGN_CORES_TOLERATED) console.log('That is too much: the ratios above are not to be relied on.');
  if (options.json === undefined) return;
  const results = {
    when: new Date().toISOString(),
    environment,
    foreignCores: foreign,
    rows,
    samples: Object.fromEntries(samples),
  };
  await writeFile(options.json, `${JSON.stringify(results, null, 1)}\n`);
}

/** All processes of the benchmark, this one included. */
async function ownCpuMs(deployments: readonly Deployment[]): Promise<number> {
  const { user, system } = process.cpuUsage();
  let sum = (user + system) / 1000;
  for (const deployment of deployments) {
    const { client, relay, listener } = await deployment.cpuMs();
    sum += client + relay + listener;
  }
  return sum;
}

/** Nothing that corrupts bytes is worth timing. */
async function verify(deployment: Deployment): Promise<void> {
  for (const probe of PROBES) await deployment.run('bulk', { ...probe, hashed: true });
}

async function measure(
  deployments: readonly Deployment[],
  { scenarios, rounds }: BenchOptions,
): Promise<Map<string, ScenarioSamples>> {
  const samples = new Map<string, ScenarioSamples>();
  const scales = new Map<string, number>();
  const scaleKey = (scenario: Scenario, deployment: Deployment) => `${scenario.name} ${deployment.carrier}`;
  for (const scenario of scenarios) {
    samples.set(scenario.name, { trunkline: [], 'raw-ws': [] });
    for (const deployment of deployments) scales.set(scaleKey(scenario, deployment), await scenario.warmUp(deployment));
  }
  for (let round = 0; round < rounds; round++) {
    // Who goes first takes turns as well.
    const order = round % 2 === 0 ? deployments : deployments.toReversed();
    for (const scenario of scenarios) {
      for (const deployment of order) {
        const scale = scales.get(scaleKey(scenario, deployment)) as number;
        samples.get(scenario.name)?.[deployment.carrier].push(await scenario.run(deployment, scale));
      }
    }
  }
  return samples;
}

function describeEnvironment() {
  return { node: `Node ${process.version}`, cores: cpus().length, masking: masking() };
}

/** Without the addon `ws` masks in JavaScript, and that is then most of what is measured, on both sides. */
function masking(): string {
  try {
    createRequire(import.meta.url)('bufferutil');
    return 'bufferutil installed';
  } catch {
    return 'bufferutil missing: masking in JavaScript';
  }
}
