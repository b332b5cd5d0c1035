import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Document, parseMarkdown } from './markdown.js';

/** Links that lead nowhere. What is on other hosts is not asked for: a test needs no network. */
export function brokenLinks(document: Document): string[] {
  return document.links.flatMap(({ line, target }) => {
    const what = problemOf(document, target);
    return what === undefined ? [] : [`${document.file}:${line}: ${target}: ${what}`];
  });
}

function problemOf(document: Document, target: string): string | undefined {
  if (/^[a-z]+:/.test(target))
    return target.startsWith('https://') && URL.canParse(target) ? undefined : 'no https URL';
  const [path = '', fragment] = target.split('#');
  const file = path === '' ? document.file : join(dirname(document.file), path);
  if (!existsSync(file)) return `${file} does not exist`;
  if (fragment === undefined) return undefined;
  const { anchors } = path === '' ? document : parseMarkdown(file, readFileSync(file, 'utf8'));
  return anchors.has(fragment) ? undefined : `${file} has no heading for #${fragment}`;
}
