/** SECURITY.md names a test for each threat: all of them are there, and each row has one. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readDocument } from '../docs/documents.js';
import { brokenLinks } from '../docs/links.js';
import { isAnswered, namedTests, type ThreatRow, threatRows } from './threats.js';

const document = readDocument('SECURITY.md');
const rows = threatRows(document);

/** What runs when a test is named so: the title stands in front of a comma, quoted. */
function hasTest(file: string, title: string): boolean {
  if (!existsSync(file)) return false;
  const source = readFileSync(file, 'utf8').replaceAll("\\'", "'");
  return [`'${title}',`, `"${title}",`, `\`${title}\`,`].some((quoted) => source.includes(quoted));
}

const missing = (row: ThreatRow): string[] =>
  namedTests(row)
    .filter(({ file, title }) => !hasTest(file, title))
    .map(({ file, title }) => `${file}: ${title}`);

test('every attacker has rows, and every row an answer and a test', () => {
  const attackers = [
    'stranger',
    'client',
    'listener',
    'page of another site',
    'network',
    'relay operator',
    'other tenant',
  ];
  expect(new Set(rows.map(({ who }) => who))).toEqual(new Set([...attackers, 'sender of a file']));
  expect(rows.filter((row) => !isAnswered(row))).toEqual([]);
  expect(rows.length).toBeGreaterThan(40);
});

test('every test that is named is there', () => {
  expect(rows.flatMap(missing)).toEqual([]);
});

test('every link leads somewhere', () => {
  expect(brokenLinks(document)).toEqual([]);
});

test('a test that is not there, or has another name, would be missed', () => {
  const row = (shownBy: string): ThreatRow => ({ who: 'x', attack: 'x', defence: 'x', shownBy });
  expect(missing(row('[a](test/security/nothing.test.ts): “a”'))).toHaveLength(1);
  expect(missing(row('[a](test/security/document.test.ts): “a test that is not there”'))).toHaveLength(1);
  expect(missing(row('[a](test/security/document.test.ts): “every link leads somewhere”'))).toEqual([]);
  expect(isAnswered(row('[a](test/security/document.test.ts)'))).toBe(false);
  expect(isAnswered(row('“a”'))).toBe(false);
});
