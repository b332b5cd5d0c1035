import { describe, expect, test } from 'vitest';
import { requireOpenFiles } from '../../bench/file-limit.js';
import { readOptions } from '../../bench/options.js';
import { socketsOf } from '../../bench/scenarios.js';

const namesOf = (args: string[]) => readOptions(args).scenarios.map(({ name }) => name);
const browserNamesOf = (args: string[]) => readOptions(args).browserScenarios.map(({ name }) => name);

describe('options', () => {
  test('the slow scenarios run only when asked for', () => {
    expect(namesOf([])).not.toContain('idle-streams');
    expect(namesOf(['--full'])).toEqual([...namesOf([]), 'bulk-64b', 'never-reads', 'idle-streams', 'idle-tunnels']);
    expect(namesOf(['--only', 'idle-tunnels,bulk-1k'])).toEqual(['idle-tunnels', 'bulk-1k']);
  });

  test('a page is measured with the slow ones, or as asked for', () => {
    const all = ['page-to-node-visible', 'node-to-page-visible', 'page-to-node-hidden', 'node-to-page-hidden'];
    expect(browserNamesOf([])).toEqual([]);
    expect(browserNamesOf(['--full'])).toEqual(all);
    expect(browserNamesOf(['--full', '--no-browser'])).toEqual([]);
    expect(browserNamesOf(['--browser'])).toEqual(all);
    expect(namesOf(['--browser'])).toEqual(namesOf([]));
    expect(browserNamesOf(['--only', 'bulk-1k'])).toEqual([]);
    expect(browserNamesOf(['--only', 'node-to-page-hidden,bulk-1k'])).toEqual(['node-to-page-hidden']);
    expect(namesOf(['--only', 'node-to-page-hidden,bulk-1k'])).toEqual(['bulk-1k']);
  });

  test('rounds depend on what is measured, unless they are given', () => {
    expect(readOptions([])).toMatchObject({ mode: 'table', rounds: 5 });
    expect(readOptions(['--growth'])).toMatchObject({ mode: 'growth', rounds: 3 });
    expect(readOptions(['--growth', '--rounds', '1'])).toMatchObject({ mode: 'growth', rounds: 1 });
  });

  test.each([
    [['--rounds', '0'], '--rounds takes a whole number, not 0'],
    [['--only', 'nothing'], 'there is no scenario nothing'],
    [['--only', 'bulk-1k', '--no-browser'], '--only names all scenarios, those of a page too'],
    [['--growth', '--no-browser'], '--growth takes no scenarios'],
    [['--growth', '--full'], '--growth takes no scenarios'],
    [['--growth', '--only', 'bulk-1k'], '--growth takes no scenarios'],
  ])('%j is refused', (args, message) => {
    expect(() => readOptions(args)).toThrow(message);
  });
});

describe('the limit on open files', () => {
  test('is an error that says what to do', () => {
    expect(() => requireOpenFiles(5000, 1024)).toThrow('the limit is 1024: run `ulimit -n 5200` first');
  });

  test('is no error where it suffices', () => {
    expect(() => requireOpenFiles(5000, 5200)).not.toThrow();
    expect(() => requireOpenFiles(5000, Number.POSITIVE_INFINITY)).not.toThrow();
  });

  test('is no matter where nothing has sockets', () => {
    expect(socketsOf([])).toBe(0);
  });

  test('is asked of the system', () => {
    expect(() => requireOpenFiles(Number.MAX_SAFE_INTEGER, undefined)).toThrow(/the limit is \d+|^$/);
    expect(() => requireOpenFiles(0)).not.toThrow();
  });
});
