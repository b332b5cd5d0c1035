/** As much of Markdown as our own documents use. */

export interface Block {
  file: string;
  line: number;
  language: string;
  text: string;
  /** From `<!-- test: NAME -->` before it: blocks of the same name run together. */
  group: string | undefined;
}

export interface Link {
  line: number;
  target: string;
}

export interface Document {
  file: string;
  blocks: Block[];
  links: Link[];
  /** What a `#fragment` may name. */
  anchors: Set<string>;
  /** `code` in running text, with its line. */
  inlineCode: { line: number; text: string }[];
  /** Every table: its rows, each a list of cells; the first row is the head. */
  tables: string[][][];
}

export function parseMarkdown(file: string, text: string): Document {
  const document: Document = { file, blocks: [], links: [], anchors: new Set(), inlineCode: [], tables: [] };
  let block: Block | undefined;
  let group: string | undefined;
  let table: string[][] | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (block) {
      if (fence) {
        document.blocks.push(block);
        block = undefined;
      } else block.text += `${line}\n`;
      continue;
    }
    if (fence) {
      block = { file, line: index + 1, language: fence[1] as string, text: '', group };
      group = undefined;
      continue;
    }
    group = /^<!-- test: (\S+) -->$/.exec(line)?.[1] ?? (line === '' ? group : undefined);
    const heading = /^#+ (.*)$/.exec(line);
    if (heading) document.anchors.add(anchorOf(heading[1] as string));
    for (const [, target] of line.matchAll(/\]\(([^)\s]+)\)/g)) {
      document.links.push({ line: index + 1, target: target as string });
    }
    for (const [, code] of line.matchAll(/`([^`]+)`/g)) {
      document.inlineCode.push({ line: index + 1, text: code as string });
    }
    if (line.startsWith('|')) {
      if (!table) {
        table = [];
        document.tables.push(table);
      }
      if (!/^\|[-| ]+$/.test(line)) table.push(cellsOf(line));
    } else table = undefined;
  }
  if (block) throw new Error(`${file}:${block.line}: a code block without an end`);
  return document;
}

/** As GitHub makes them. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\- _]/gu, '')
    .replaceAll(' ', '-');
}

function cellsOf(line: string): string[] {
  return line
    .slice(1, line.lastIndexOf('|'))
    .split('|')
    .map((cell) => cell.trim());
}

/** The table that has this first head cell. */
export function tableOf(document: Document, firstHead: string): string[][] {
  const found = document.tables.find(([head]) => head?.[0] === firstHead);
  if (!found) throw new Error(`${document.file} has no table that starts with "${firstHead}"`);
  return found.slice(1);
}

/** The first `code` of a cell. */
export function codeOf(cell: string | undefined): string {
  return /`([^`]+)`/.exec(cell ?? '')?.[1] ?? '';
}
