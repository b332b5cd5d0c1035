/** Three digits, unless told otherwise: few figures are known better. */
export function figure(value: number, decimals?: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  return value.toFixed(decimals ?? Math.min(digits, 3));
}

/** Columns of text, two spaces apart. */
export function alignTable(lines: string[][], right: ReadonlySet<number>): string {
  const widths = (lines[0] as string[]).map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length)),
  );
  const cell = (text: string, column: number) =>
    right.has(column) ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0);
  return lines.map((line) => line.map(cell).join('  ').trimEnd()).join('\n');
}
