import { readdirSync, readFileSync } from 'node:fs';
import { type Document, parseMarkdown } from './markdown.js';

const FILES = [
  'README.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'examples/README.md',
  ...readdirSync('docs').map((name) => `docs/${name}`),
];

export function readDocument(file: string): Document {
  return parseMarkdown(file, readFileSync(file, 'utf8'));
}

export const documents: Document[] = FILES.filter((file) => file.endsWith('.md')).map(readDocument);

const RUNNABLE = ['js', 'ts', 'html'];
const blocks = documents.flatMap((document) => document.blocks);

export const runnable = blocks.filter(({ language }) => RUNNABLE.includes(language));
export const shell = blocks.filter(({ language }) => language === 'sh');
/** Pictures and the like have no language at all; anything else would go unchecked. */
export const unknown = blocks.filter((block) => ![...runnable, ...shell].includes(block) && block.language !== '');

/** By group, in order of appearance; a block without one is alone. */
export function groups(): [name: string, blocks: typeof runnable][] {
  const found = new Map<string, typeof runnable>();
  for (const block of runnable) {
    const name = block.group === undefined ? `${block.file}:${block.line}` : `${block.file} ${block.group}`;
    found.set(name, [...(found.get(name) ?? []), block]);
  }
  return [...found];
}
