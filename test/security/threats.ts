import type { Document } from '../docs/markdown.js';

/** A row of the threat table. */
export interface ThreatRow {
  who: string;
  attack: string;
  defence: string;
  shownBy: string;
}

const HEAD = ['who', 'does what', 'what is done about it', 'shown by'];

export function threatRows({ tables }: Document): ThreatRow[] {
  const table = tables.find(([head]) => head?.join() === HEAD.join());
  if (table === undefined) throw new Error(`there is no table of ${HEAD}`);
  return table
    .slice(1)
    .map(([who = '', attack = '', defence = '', shownBy = '']) => ({ who, attack, defence, shownBy }));
}

/** `[text](file): “title”, “title”, [text](file): “title”` */
export function namedTests({ shownBy }: ThreatRow): { file: string; title: string }[] {
  const tests: { file: string; title: string }[] = [];
  let file = '';
  for (const [, link, title] of shownBy.matchAll(/\]\(([^)\s]+)\)|“([^”]*)”/g)) {
    if (link !== undefined) file = link;
    else tests.push({ file, title: title as string });
  }
  return tests;
}

/** Something is done about it, and at least one test of a file is named. */
export function isAnswered(row: ThreatRow): boolean {
  const tests = namedTests(row);
  return row.attack !== '' && row.defence !== '' && tests.length > 0 && tests.every(({ file }) => file !== '');
}
