/**
 * Whether a name is one that a pattern stands for: `*` is any run of characters, also none, and everything else is itself.
 * Each part between stars is looked for once, from left to right; no pattern can make that take long.
 *
 * A pattern in the place of the name asks whether all the names it stands for are among those of the other: its stars are
 * characters that only a star matches.
 */
export function matchesPattern(pattern: string, name: string): boolean {
  const parts = pattern.split('*');
  const first = parts.shift() ?? '';
  const last = parts.pop();
  if (last === undefined) return pattern === name;
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false;

  const end = name.length - last.length;
  let from = first.length;
  for (const part of parts) {
    const found = name.indexOf(part, from);
    if (found < 0 || found + part.length > end) return false;
    from = found + part.length;
  }
  return true;
}
