import { parseArgs } from 'node:util';

export interface Flag {
  short?: string;
  /** What stands behind it in the help, `NUMBER`; a flag without one takes no value. */
  value?: string;
  default?: string;
  /** The variable that says it where the command line does not. */
  env?: string;
  /** May be given several times, or with several values and commas between them. They are read with `listOf`. */
  isList?: boolean;
  /** What cannot be said together. One on the command line silences the variables of the others. */
  oneOf?: string;
  /** An empty variable is a mistake: what it was to say protects something. */
  isNeverEmpty?: boolean;
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
 * A flag without a value is 'true' when given; of several the last one counts, unless it is a list. Which words are missing
 * is asked for with `assertComplete`.
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
  const given: Record<string, string> = {};
  const words: Record<string, string> = {};
  const wanted = positionals.map(({ name }) => name)[Symbol.iterator]();
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      const { value: name } = wanted.next();
      if (name === undefined) throw new UsageError(`unexpected argument ${quote(token.value)}`);
      words[name] = token.value;
      continue;
    }
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined;
    if (flag === undefined) throw new UsageError(`unknown option ${token.rawName}`);
    if (flag.value !== undefined && !token.value)
      throw new UsageError(`${token.rawName} ${needsValue(token.value, `${token.rawName} ${flag.value}`)}`);
    if (flag.value === undefined && token.value !== undefined) throw new UsageError(`${token.rawName} takes no value`);
    const before = flag.isList ? given[token.name] : undefined;
    const value = token.value ?? 'true';
    given[token.name] = before === undefined ? value : `${before},${value}`;
  }
  const said = { ...variablesOf(flags, env, given), ...given };
  assertOneOf(flags, said, given);
  assertNoEmptyList(flags, said, given);
  return { ...defaultsOf(flags), ...said, ...words };
}

/** The values of a flag that may have several; none where it is not given. */
export function listOf(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** @throws UsageError when a word that has to be there is not */
export function assertComplete(positionals: Positionals, values: Values): void {
  const missing = positionals.find(({ name }) => values[name] === undefined);
  if (missing) throw new UsageError(`${missing.name} is missing, ${missing.text}`);
}

function defaultsOf(flags: Flags): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, flag.default]));
}

/** What the environment says, except where the command line has decided. @throws UsageError */
function variablesOf(flags: Flags, environment: Environment, given: Values): Record<string, string> {
  const decided = new Set(Object.keys(given).map((name) => flags[name]?.oneOf));
  const found: Record<string, string> = {};
  for (const [name, flag] of Object.entries(flags)) {
    if (flag.env === undefined || (flag.oneOf !== undefined && decided.has(flag.oneOf))) continue;
    if (environment[flag.env] === '' && flag.isNeverEmpty && !Object.hasOwn(given, name))
      throw new UsageError(`$${flag.env} ${needsValue('', `give it one, or unset it`)}`);
    // An empty variable is how a shell says that there is none.
    const text = environment[flag.env] || undefined;
    const value = flag.value === undefined ? switchOf(flag.env, text) : text;
    if (value !== undefined) found[name] = value;
  }
  return found;
}

const SWITCH_WORDS: Readonly<Record<string, boolean>> = {
  1: true,
  true: true,
  yes: true,
  0: false,
  false: false,
  no: false,
};

/** A flag without a value, as a variable. */
function switchOf(variable: string, text: string | undefined): 'true' | undefined {
  if (text === undefined) return undefined;
  const word = text.toLowerCase();
  if (!Object.hasOwn(SWITCH_WORDS, word)) throw new UsageError(`$${variable} must be 1 or 0, not ${quote(text)}`);
  return SWITCH_WORDS[word] ? 'true' : undefined;
}

function assertOneOf(flags: Flags, said: Values, given: Values): void {
  const firstOf = new Map<string, string>();
  for (const name of Object.keys(said)) {
    const group = flags[name]?.oneOf;
    if (group === undefined) continue;
    const first = firstOf.get(group);
    if (first !== undefined) {
      const [one, other] = [first, name].map((each) => sourceOf(flags, each, given));
      throw new UsageError(`${one} and ${other} exclude each other: give one of them`);
    }
    firstOf.set(group, name);
  }
}

/** Commas alone: nothing of what was to be allowed or believed is named. @throws UsageError */
function assertNoEmptyList(flags: Flags, said: Values, given: Values): void {
  for (const [name, { isList, value }] of Object.entries(flags)) {
    if (!isList || said[name] === undefined || listOf(said[name]).length > 0) continue;
    throw new UsageError(`${sourceOf(flags, name, given)} ${needsValue('', `--${name} ${value}`)}`);
  }
}

function needsValue(text: string | undefined, remedy: string): string {
  return `${text === '' ? 'is empty, and ' : ''}needs a value: ${remedy}`;
}

/** Where a flag's value comes from: the flag itself, or its variable. */
function sourceOf(flags: Flags, name: string, given: Values): string {
  return name in given ? `--${name}` : `$${flags[name]?.env}`;
}

export function describeFlags(flags: Flags, positionals: Positionals = []): string {
  const words = positionals.map(({ name, text }) => [name, text] as const);
  const options = Object.entries(flags).map(([name, flag]) => {
    const left = `${flag.short ? `-${flag.short}, ` : ''}--${name}${flag.value ? ` ${flag.value}` : ''}`;
    return [left, flag.text + (flag.isList ? '; may be repeated' : '') + describeDefault(flag)] as const;
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
