import { cpus } from 'node:os';
import { ownCpuMs } from './own-cpu.js';

/** Above this many cores of other programs' work not even the ratios are to be relied on. Below it they may be off too. */
export const FOREIGN_CORES_TOLERATED = 0.35;

/** With the cores that other programs used meanwhile. */
export async function withForeignCores<T>(run: () => Promise<T>): Promise<{ result: T; foreignCores: number }> {
  const started = performance.now();
  const before = await foreignMs();
  const result = await run();
  const usedMs = (await foreignMs()) - before;
  return { result, foreignCores: Math.max(0, usedMs / (performance.now() - started)) };
}

async function foreignMs(): Promise<number> {
  return busyMs() - (await ownCpuMs());
}

function busyMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
}
