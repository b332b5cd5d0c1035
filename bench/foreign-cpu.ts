import { cpus } from 'node:os';

/** Above this many cores of other programs' work not even the ratios are to be relied on. Below it they may be off too. */
export const FOREIGN_CORES_TOLERATED = 0.35;

/** Begins to watch; returns how many cores other programs used since, given what the measured processes used. */
export function watchForeignCpu(): (ownCpuMs: number) => number {
  const started = performance.now();
  const busyBefore = busyMs();
  return (ownCpuMs) => Math.max(0, (busyMs() - busyBefore - ownCpuMs) / (performance.now() - started));
}

function busyMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
}
