/** How much to run: a few hundred in the suite, as many as there is time for elsewhere. */
function readCount(variable: string, standard: number): number {
  const text = process.env[variable];
  if (text === undefined || text === '') return standard;
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) throw new RangeError(`${variable} must be a whole number above 0`);
  return count;
}

function readSeed(): number {
  const text = process.env.TRUNKLINE_PROPERTY_SEED;
  return text === undefined || text === '' ? Date.now() & 0x7fff_ffff : Number(text);
}

/** Runs of each property. */
export const PROPERTY_RUNS = readCount('TRUNKLINE_PROPERTY_RUNS', 200);
/** Inputs of each fuzz test. */
export const FUZZ_RUNS = readCount('TRUNKLINE_FUZZ_RUNS', 20_000);
/** Another one for each process unless given: what a suite never varies it never finds. */
export const PROPERTY_SEED = readSeed();

export function announce(what: string, runs: number): void {
  console.log(`${what}: ${runs} runs, TRUNKLINE_PROPERTY_SEED=${PROPERTY_SEED}`);
}
