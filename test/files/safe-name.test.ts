import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { numberedName, partName, safeFileName } from '../../src/files/safe-name.js';
import { announce, PROPERTY_RUNS, PROPERTY_SEED } from '../property/settings.js';

describe('a name that was offered', () => {
  test.each([
    ['photo.jpg', 'photo.jpg'],
    ['Übung – 日本語 👩‍🔬.txt', 'Übung – 日本語 👩‍🔬.txt'],
    ['/etc/passwd', 'passwd'],
    ['..\\..\\Windows\\win.ini', 'win.ini'],
    ['a/b\\c.txt', 'c.txt'],
    ['folder/', 'file'],
    ['..', 'file'],
    ['.', 'file'],
    ['', 'file'],
    [' . . ', 'file'],
    ['.bashrc', 'bashrc'],
    ['...ssh', 'ssh'],
    ['C:evil.exe', 'C_evil.exe'],
    ['file.txt:stream', 'file.txt_stream'],
    ['what?*<>|"', 'what______'],
    ['name. . ', 'name'],
    ['nul', '_nul'],
    ['CON.txt', '_CON.txt'],
    ['com1 .log', '_com1 .log'],
    ['LPT¹', '_LPT¹'],
    ['console.log', 'console.log'],
    ['a\u0000b\nc\u007f.txt', 'abc.txt'],
    ['invoice\u202efdp.exe', 'invoicefdp.exe'],
    ['\ufeff.profile', 'profile'],
    ['lone \ud800.txt', 'lone _.txt'],
    ['movie.mkv.part', 'movie.mkv.part_'],
    ['.PART', 'PART'],
  ])('%j becomes %j', (offered, safe) => {
    expect(safeFileName(offered)).toBe(safe);
  });

  test('is cut to 255 bytes at a character, with its extension kept', () => {
    expect(safeFileName(`${'é'.repeat(300)}.jpeg`)).toBe(`${'é'.repeat(125)}.jpeg`);
    expect(safeFileName('👩'.repeat(100))).toBe('👩'.repeat(63));
    expect(safeFileName(`a.${'x'.repeat(400)}`)).toBe(`a.${'x'.repeat(253)}`);
    expect(safeFileName(`${'a'.repeat(250)}.part${'x'.repeat(40)}`)).toMatch(/^a+\.part_$/);
  });

  test('is a safe one, whatever it was', () => {
    const pieces = fc.constantFrom(
      '/',
      '\\',
      '..',
      '.',
      ' ',
      'con',
      'NUL',
      '.part',
      ':',
      '\u202e',
      '\0',
      '\ud800',
      'é',
      '👩',
      'a',
    );
    const name = fc.oneof(
      fc.array(fc.oneof(pieces, fc.string({ unit: 'binary' })), { maxLength: 12 }).map((parts) => parts.join('')),
      fc.array(pieces, { minLength: 100, maxLength: 400 }).map((parts) => parts.join('')),
    );
    announce('safe names', PROPERTY_RUNS * 10);
    fc.assert(
      fc.property(name, (offered) => {
        const safe = safeFileName(offered);
        for (const one of [safe, numberedName(safe, 7), partName(safe)]) {
          expect(Buffer.byteLength(one)).toBeLessThanOrEqual(255);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
          expect(one).not.toMatch(/[/\\\u0000-\u001f:<>"|?*\u202e]|\p{Surrogate}/u);
          expect(one).not.toMatch(/^\s*$|^\.|[. ]$/);
          expect(one).not.toMatch(/^(con|prn|aux|nul|com\d|lpt\d) *(\.|$)/i);
        }
        expect(safe).not.toMatch(/\.part$/i);
        expect(safeFileName(safe)).toBe(safe);
      }),
      { numRuns: PROPERTY_RUNS * 10, seed: PROPERTY_SEED },
    );
  });
});

test('a number stands in front of the extension', () => {
  expect([0, 1, 12].map((number) => numberedName('a.tar.gz', number))).toEqual([
    'a.tar.gz',
    'a.tar (1).gz',
    'a.tar (12).gz',
  ]);
  expect(numberedName('README', 2)).toBe('README (2)');
  expect(numberedName(`${'é'.repeat(125)}.jpeg`, 1)).toBe(`${'é'.repeat(123)} (1).jpeg`);
});

test('a part has its name, and fits', () => {
  expect(partName('a.zip')).toBe('a.zip.part');
  expect(partName('x'.repeat(255))).toBe(`${'x'.repeat(250)}.part`);
});
