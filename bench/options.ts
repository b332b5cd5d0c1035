import { parseArgs } from 'node:util';
import { BROWSER_SCENARIOS, type BrowserScenario } from './browser/scenarios.js';
import type { Scenario } from './scenarios/scenario.js';
import { ALL_SCENARIOS, QUICK_SCENARIOS } from './scenarios.js';

export interface BenchOptions {
  mode: 'table' | 'growth';
  rounds: number;
  /** Of a table. */
  scenarios: readonly Scenario[];
  browserScenarios: readonly BrowserScenario[];
  /** Where the results go as JSON. */
  json: string | undefined;
  /** Where each process writes a CPU profile. */
  profile: string | undefined;
  build: boolean;
}

const ROUNDS = { table: 5, growth: 3 };

export const USAGE = `npm run bench -- [options]
  --full          the slow scenarios too: wire bytes, memory, a peer that never reads, a page in a Chromium
  --no-browser    without the page, where there is no Chromium (--browser: with it, without --full)
  --growth        instead: how cost grows with streams, tunnels and the size of writes
  --rounds N      rounds of each scenario, trunkline and raw ws in turn (default ${ROUNDS.table}; with --growth ${ROUNDS.growth})
  --only A,B      these scenarios: ${[...ALL_SCENARIOS, ...BROWSER_SCENARIOS].map(({ name }) => name).join(', ')}
  --json FILE     writes the summary there, and the samples of every round
  --profile DIR   writes a CPU profile of each process there (of a page: bench/browser/profile.ts)
  --no-build      measures dist as it is`;

/** @throws Error in words for the command line */
export function readOptions(args: string[]): BenchOptions {
  const { values } = parseArgs({
    args,
    allowNegative: true,
    options: {
      full: { type: 'boolean', default: false },
      browser: { type: 'boolean' },
      growth: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'string' },
      profile: { type: 'string' },
      build: { type: 'boolean', default: true },
    },
  });
  const { full, growth, browser, only } = values;
  if (growth && (full || browser !== undefined || only !== undefined || values.profile !== undefined))
    throw new Error('--growth takes no scenarios and writes no profile');
  if (only !== undefined && browser !== undefined) throw new Error('--only names all scenarios, those of a page too');
  const mode = growth ? 'growth' : 'table';
  return {
    mode,
    rounds: values.rounds === undefined ? ROUNDS[mode] : wholeNumber('--rounds', values.rounds),
    ...(only === undefined ? choose(full, browser ?? full) : findNamed(only.split(','))),
    json: values.json,
    profile: values.profile,
    build: values.build,
  };
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 1) return number;
  throw new Error(`${option} takes a whole number, not ${text}`);
}

type Chosen = Pick<BenchOptions, 'scenarios' | 'browserScenarios'>;

function choose(full: boolean, browser: boolean): Chosen {
  return { scenarios: full ? ALL_SCENARIOS : QUICK_SCENARIOS, browserScenarios: browser ? BROWSER_SCENARIOS : [] };
}

function findNamed(names: string[]): Chosen {
  const known = new Set([...ALL_SCENARIOS, ...BROWSER_SCENARIOS].map(({ name }) => name));
  for (const name of names) if (!known.has(name)) throw new Error(`there is no scenario ${name}`);
  return { scenarios: byName(ALL_SCENARIOS, names), browserScenarios: byName(BROWSER_SCENARIOS, names) };
}

/** In the order of the names. */
function byName<T extends { name: string }>(scenarios: readonly T[], names: string[]): T[] {
  return names.flatMap((name) => scenarios.filter((scenario) => scenario.name === name));
}
