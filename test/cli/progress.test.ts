import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { formatBytes, openProgress } from '../../cli/progress.js';

const MIB = 2 ** 20;

afterEach(() => {
  vi.restoreAllMocks();
});

/** What is said on standard error while a file goes through these. */
function linesOf(sizeBytes: number, steps: number[]): string[] {
  const lines: string[] = [];
  vi.spyOn(console, 'error').mockImplementation((text: string) => lines.push(text));
  const file = openProgress(false, new PassThrough()).begin('a\u001b.txt');
  for (const doneBytes of steps) file.update(doneBytes, sizeBytes);
  file.end('received');
  return lines;
}

describe('where nobody looks, lines', () => {
  test('one at the start, one for each tenth, one at the end', () => {
    const steps = Array.from({ length: 101 }, (_, percent) => (percent * MIB) / 100);
    expect(linesOf(MIB, steps)).toEqual([
      'trunkline: a .txt: 1.0 MiB',
      ...[10, 20, 30, 40, 50, 60, 70, 80, 90].map((percent) => `trunkline: a .txt: ${percent} %`),
      'trunkline: a .txt: received',
    ]);
  });

  test('fewer when it comes in large steps, and what was there before is told', () => {
    expect(linesOf(MIB, [MIB / 2, (MIB * 3) / 4, MIB])).toEqual([
      'trunkline: a .txt: 1.0 MiB, 512.0 KiB of it there before',
      'trunkline: a .txt: 70 %',
      'trunkline: a .txt: received',
    ]);
  });

  test('an empty file has no tenths', () => {
    expect(linesOf(0, [0, 0])).toEqual(['trunkline: a .txt: 0 B', 'trunkline: a .txt: received']);
  });
});

test('on a terminal, a bar', () => {
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 120 });
  const progress = openProgress(false, terminal);
  const file = progress.begin('a\u001b.txt');
  for (const doneBytes of [0, MIB / 2, MIB]) file.update(doneBytes, MIB);
  file.end('received');
  progress.close();
  // A second time it has nothing more to say.
  progress.close();
  const shown = String(terminal.read());
  expect(shown).toContain('█');
  expect(shown).toContain('100 % of 1.0 MiB | a .txt: received');
  expect(shown.match(/received/g)).toHaveLength(1);
});

test('a terminal that shows no bar gets nothing at all, and neither does --quiet', () => {
  const terminal = Object.assign(new PassThrough(), { isTTY: true });
  openProgress(false, terminal).close();
  const silent = openProgress(true, terminal);
  silent.begin('x').update(1, 2);
  silent.begin('x').end('received');
  silent.close();
  expect(terminal.read()).toBeNull();
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1.5 * MIB, '1.5 MiB'],
  [5 * 2 ** 30, '5.0 GiB'],
  [2 ** 52, '4096.0 TiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
