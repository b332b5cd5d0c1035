import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const CHILD = fileURLToPath(new URL('young-collections-child.ts', import.meta.url));

test('a process that only reads has its young memory collected before V8 marks the whole heap for it', async () => {
  // With the smallest young generation: how far V8 lets it grow is its own affair.
  const flags = ['--max-semi-space-size=1', '--import', 'tsx'];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, CHILD]);
  const { collections, mebibytes } = JSON.parse(stdout) as { collections: number; mebibytes: number };
  expect(mebibytes).toBe(256);
  // One MiB of garbage for two that are read; without it V8 collects once in 32 MiB.
  expect(mebibytes / collections).toBeLessThan(4);
});
