import { parseArgs } from 'node:util';
import { SCENARIOS, type Scenario } from './scenarios.js';

export interface BenchOptions {
  rounds: number;
  scenarios: readonly Scenario[];
  /** Where the results go as JSON. */
  json: string | undefined;
  /** Where each process writes a CPU profile. */
  profile: string | undefined;
  build: boolean;
}

export const USAGE = `npm run bench -- [options]
  --rounds N      rounds of each scenario, trunkline and raw ws in turn (default 5)
  --only A,B      these scenarios: ${SCENARIOS.map(({ name }) => name).join(', ')}
  --json FILE     writes the samples of every round and the summary there
  --profile DIR   writes a CPU profile of each process there
  --no-build      measures dist as it is`;

/** @throws Error in words for the command line */
export function readOptions(args: string[]): BenchOptions {
  const { values } = parseArgs({
    args,
    allowNegative: true,
    options: {
      rounds: { type: 'string', default: '5' },
      only: { type: 'string' },
      json: { type: 'string' },
      profile: { type: 'string' },
      build: { type: 'boolean', default: true },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isSafeInteger(rounds) || rounds < 1)
    throw new Error(`--rounds takes a whole number, not ${values.rounds}`);
  return {
    rounds,
    scenarios: values.only === undefined ? SCENARIOS : values.only.split(',').map(findScenario),
    json: values.json,
    profile: values.profile,
    build: values.build,
  };
}

function findScenario(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name);
  if (found === undefined) throw new Error(`there is no scenario ${name}`);
  return found;
}
