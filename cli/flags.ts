import { parseArgs } from 'node:util';

export interface Flag {
  short?: string;
  /** What stands behind it in the help, `NUMBER`; a flag without one takes no value. */
  value?: string;
  default?: string;
  /** The variable that says it where the command line does not. */
  env?: string;
  text: string;
}

export interface Positional {
  /** In capitals, as the help shows it; its value has this name too, so that no flag is in its way. */
  name: Uppercase<string>;
  text: string;
}

export type Flags = Readonly<Record<string, Flag>>;
export type Positionals = readonly Positional[];
export type Values = Readonly<Record<string, string | undefined>>;
type Environment = Readonly<Record<string, string | undefined>>;

/** The command line makes no sense: exit code 2. The message is one line. */
export class UsageError extends Error {}

/**
 * `parseArgs`, with one-line messages of our own: its strict mode answers an unknown flag with advice on how to escape it.
 * A flag without a value is 'true' when given. Which words are missing is asked for with `assertComplete`.
 * @throws UsageError
 */
export function parseFlags(
  flags: Flags,
  args: string[],
  positionals: Positionals = [],
  env: Environment = process.env,
): Values {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { short, value }]) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const), ...(short ? { short } : {}) },
    ]),
  );
  const { tokens } = parseArgs({ args, options, strict: false, tokens: true });
  const values = defaultsOf(flags, env);
  const wanted = positionals.map(({ name }) => name)[Symbol.iterator]();
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      const { value: name } = wanted.next();
      if (name === undefined) throw new UsageError(`unexpected argument ${quote(token.value)}`);
      values[name] = token.value;
      continue;
    }
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined;
    if (flag === undefined) throw new UsageError(`unknown option ${token.rawName}`);
    if (flag.value !== undefined && !token.value)
      throw new UsageError(`${token.rawName} needs a value: ${token.rawName} ${flag.value}`);
    if (flag.value === undefined && token.value !== undefined) throw new UsageError(`${token.rawName} takes no value`);
    values[token.name] = token.value ?? 'true';
  }
  return values;
}

/** @throws UsageError when a word that has to be there is not */
export function assertComplete(positionals: Positionals, values: Values): void {
  const missing = positionals.find(({ name }) => values[name] === undefined);
  if (missing) throw new UsageError(`${missing.name} is missing, ${missing.text}`);
}

function defaultsOf(flags: Flags, environment: Environment): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => {
      // An empty variable is how a shell says that there is none.
      const said = flag.env === undefined ? undefined : environment[flag.env] || undefined;
      return [name, said ?? flag.default];
    }),
  );
}

export function describeFlags(flags: Flags, positionals: Positionals = []): string {
  const words = positionals.map(({ name, text }) => [name, text] as const);
  const options = Object.entries(flags).map(([name, flag]) => {
    const left = `${flag.short ? `-${flag.short}, ` : ''}--${name}${flag.value ? ` ${flag.value}` : ''}`;
    return [left, flag.text + describeDefault(flag)] as const;
  });
  const rows = [...words, ...options];
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, text]) => `  ${left.padEnd(width)}  ${text}`).join('\n');
}

function describeDefault({ env, default: value }: Flag): string {
  const sources = [env && `$${env}`, value].filter((source) => source !== undefined);
  return sources.length === 0 ? '' : ` (default ${sources.join(', or ')})`;
}

/** What a user typed, shown so that blanks and control characters can be seen. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
