import type { CarrierName } from './carriers/carrier.js';
import { Deployment } from './deployment.js';
import type { ScenarioSamples } from './report.js';
import { MIB, type Sample, type Scenario } from './scenarios/scenario.js';

export interface MeasureOptions {
  rounds: number;
  /** Where each process writes a CPU profile. */
  profile?: string | undefined;
}

export const CARRIERS: readonly CarrierName[] = ['trunkline', 'raw-ws'];
/** What is isolated takes its time, and is a matter of bytes, not of speed. */
const MAX_ISOLATED_ROUNDS = 3;

const PROBES = [
  { streams: 1, writeBytes: 64 * 1024, totalBytes: 8 * MIB },
  { streams: 1, writeBytes: 1000, totalBytes: MIB },
  { streams: 100, writeBytes: 4321, totalBytes: 8 * MIB },
];

/** Both carriers in turn, round by round. */
export async function measureScenarios(
  scenarios: readonly Scenario[],
  options: MeasureOptions,
): Promise<Map<string, ScenarioSamples>> {
  const samples = new Map(scenarios.map(({ name }) => [name, { trunkline: [], 'raw-ws': [] } as ScenarioSamples]));
  const record = (scenario: Scenario, carrier: CarrierName, sample: Sample) =>
    samples.get(scenario.name)?.[carrier].push(sample);
  await measureShared(
    scenarios.filter(({ isolated }) => !isolated),
    options,
    record,
  );
  for (const scenario of scenarios.filter(({ isolated }) => isolated)) {
    for (let round = 0; round < Math.min(options.rounds, MAX_ISOLATED_ROUNDS); round++) {
      for (const carrier of inTurn(CARRIERS, round)) record(scenario, carrier, await measureAlone(scenario, carrier));
    }
  }
  return samples;
}

type Recorder = (scenario: Scenario, carrier: CarrierName, sample: Sample) => void;

async function measureShared(
  scenarios: readonly Scenario[],
  { rounds, profile }: MeasureOptions,
  record: Recorder,
): Promise<void> {
  if (scenarios.length === 0) return;
  const deployments = await Promise.all(CARRIERS.map((carrier) => startVerified(carrier, profile)));
  const scales = new Map<string, number>();
  const keyOf = (scenario: Scenario, { carrier }: Deployment) => `${scenario.name} ${carrier}`;
  for (const scenario of scenarios) {
    for (const deployment of deployments) scales.set(keyOf(scenario, deployment), await scenario.warmUp(deployment));
  }
  for (let round = 0; round < rounds; round++) {
    for (const scenario of scenarios) {
      for (const deployment of inTurn(deployments, round)) {
        const scale = scales.get(keyOf(scenario, deployment)) as number;
        record(scenario, deployment.carrier, await scenario.run(deployment, scale));
      }
    }
  }
  for (const deployment of deployments) await deployment.stop();
}

async function measureAlone(scenario: Scenario, carrier: CarrierName): Promise<Sample> {
  const deployment = await Deployment.start(carrier);
  const sample = await scenario.run(deployment, await scenario.warmUp(deployment));
  await deployment.stop();
  return sample;
}

async function startVerified(carrier: CarrierName, profile?: string): Promise<Deployment> {
  const deployment = await Deployment.start(carrier, profile);
  await verify(deployment);
  return deployment;
}

/** Nothing that corrupts bytes is worth timing. */
export async function verify(deployment: Deployment): Promise<void> {
  for (const probe of PROBES) await deployment.run('bulk', { ...probe, hashed: true });
}

/** Who goes first takes turns as well. */
export function inTurn<T>(items: readonly T[], round: number): readonly T[] {
  return round % 2 === 0 ? items : items.toReversed();
}
