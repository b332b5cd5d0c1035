import { parseArgs } from 'node:util';

export interface Flag {
  short?: string;
  /** What stands behind it in the help, `NUMBER`; a flag without one takes no value. */
  value?: string;
  default?: string;
  text: string;
}

export type Flags = Readonly<Record<string, Flag>>;
export type Values = Readonly<Record<string, string | undefined>>;

/** The command line makes no sense: exit code 2. The message is one line. */
export class UsageError extends Error {}

/**
 * `parseArgs`, with one-line messages of our own: its strict mode answers an unknown flag with advice on how to escape it.
 * A flag without a value is 'true' when given.
 * @throws UsageError
 */
export function parseFlags(flags: Flags, args: string[]): Values {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { short, value }]) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const), ...(short ? { short } : {}) },
    ]),
  );
  const { tokens } = parseArgs({ args, options, strict: false, tokens: true });
  const values: Record<string, string | undefined> = {};
  for (const [name, flag] of Object.entries(flags)) values[name] = flag.default;
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') throw new UsageError(`unexpected argument ${quote(token.value)}`);
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined;
    if (flag === undefined) throw new UsageError(`unknown option ${token.rawName}`);
    if (flag.value !== undefined && !token.value)
      throw new UsageError(`${token.rawName} needs a value: ${token.rawName} ${flag.value}`);
    if (flag.value === undefined && token.value !== undefined) throw new UsageError(`${token.rawName} takes no value`);
    values[token.name] = token.value ?? 'true';
  }
  return values;
}

export function describeFlags(flags: Flags): string {
  const rows = Object.entries(flags).map(([name, flag]) => {
    const left = `${flag.short ? `-${flag.short}, ` : ''}--${name}${flag.value ? ` ${flag.value}` : ''}`;
    return [left, flag.text + (flag.default === undefined ? '' : ` (default ${flag.default})`)] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, text]) => `  ${left.padEnd(width)}  ${text}`).join('\n');
}

/** What a user typed, shown so that blanks and control characters can be seen. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
