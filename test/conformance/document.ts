import { readFileSync } from 'node:fs';

export const root = new URL('../../', import.meta.url);

export const protocolText = readFileSync(new URL('src/protocol/PROTOCOL.md', root), 'utf8');

/** The fenced block of that language. */
export function block(language: string): string {
  const found = protocolText.match(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)\\n\`\`\`$`, 'm'))?.[1];
  if (found === undefined) throw new RangeError(`PROTOCOL.md has no block ${language}`);
  return found;
}

/** The rows of the table whose heading begins so, as cells without their markup. */
export function table(heading: string): string[][] {
  const [, after = ''] = protocolText.split(`\n| ${heading}`);
  const lines = after.split('\n').slice(2);
  const rows = lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith('|')),
  );
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}
