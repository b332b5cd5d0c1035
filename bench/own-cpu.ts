/** Tells how much CPU time something that we started has used so far, milliseconds. */
export type CpuMeter = () => number | Promise<number>;

const meters = new Set<CpuMeter>();
let stoppedMs = 0;

/** Counts as ours from now on. What is returned is to be called just before that ends, and keeps its last reading. */
export function countAsOwn(meter: CpuMeter): () => Promise<void> {
  meters.add(meter);
  return async () => {
    stoppedMs += await meter();
    meters.delete(meter);
  };
}

/** Of all there are and were, this process included. */
export async function ownCpuMs(): Promise<number> {
  const { user, system } = process.cpuUsage();
  let sum = stoppedMs + (user + system) / 1000;
  for (const meter of meters) sum += await meter();
  return sum;
}
