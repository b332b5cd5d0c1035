/** Whatever the documents show works: every block is type-checked and run, every command and link exists. */
import { afterEach, describe, expect, test } from 'vitest';
import { typeProblems } from './check-types.js';
import { documents, groups, runnable, shell, unknown } from './documents.js';
import { brokenLinks } from './links.js';
import { stopAllPrograms } from './program.js';
import { runBlocks } from './run-blocks.js';
import { shellProblems } from './shell.js';

afterEach(async () => {
  expect(await stopAllPrograms(), 'processes left running').toBe(0);
});

test('there is something to check, and nothing that is not', () => {
  expect(runnable.length).toBeGreaterThan(10);
  expect(shell.length).toBeGreaterThan(2);
  expect(unknown).toEqual([]);
});

test('every block type-checks', { timeout: 60_000 }, () => {
  expect(typeProblems(runnable)).toEqual([]);
});

describe('every block does what it says', () => {
  test.each(groups())('%s', { timeout: 60_000 }, async (_name, blocks) => {
    expect(await runBlocks(blocks)).toEqual([]);
  });
});

test('every command exists, with its flags', () => {
  expect(shell.flatMap(({ text }) => shellProblems(text))).toEqual([]);
  const inline = documents.flatMap(({ inlineCode }) => inlineCode.map(({ text }) => text));
  const commands = inline.filter((text) => /^(npm|npx|node) /.test(text));
  expect(commands.length).toBeGreaterThan(5);
  expect(commands.flatMap(shellProblems)).toEqual([]);
});

test('every link leads somewhere', () => {
  expect(documents.flatMap(brokenLinks)).toEqual([]);
});
