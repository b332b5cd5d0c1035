import { existsSync, readFileSync } from 'node:fs';
import { type Command, CommandError, type Run } from './command.js';
import { connectCommand } from './connect.js';
import { assertComplete, describeFlags, type Flags, parseFlags, quote, UsageError } from './flags.js';
import { listenCommand } from './listen.js';
import { say, sayError } from './notices.js';
import { receiveCommand } from './receive.js';
import { relayCommand } from './relay.js';
import { sendCommand } from './send.js';
import { tokenCommand } from './token.js';
import { describeUnknownVariables } from './variables.js';

export const COMMANDS = {
  relay: relayCommand,
  token: tokenCommand,
  listen: listenCommand,
  connect: connectCommand,
  send: sendCommand,
  receive: receiveCommand,
} satisfies Record<string, Command>;
type CommandName = keyof typeof COMMANDS;

const HELP_FLAG: Flags = { help: { short: 'h', text: 'show this' } };

/** What a command line asks for. */
export type Invocation =
  | { kind: 'print'; text: string }
  | { kind: 'usage missing'; text: string }
  /** `isSilent`: nothing is to be said on standard error but why it failed. */
  | { kind: 'run'; run: Run; isSilent: boolean };

/**
 * Runs one command line; returns the exit code: 0 done, 1 it could not be done here, 2 the command line makes no sense,
 * 128 + a signal's number when that ended what was not done.
 */
export async function main(args: string[]): Promise<number> {
  // Who reads what is said here may go away, and that is no reason to end.
  process.stderr.on('error', () => {});
  try {
    const invocation = interpret(args);
    if (invocation.kind === 'run') {
      if (!invocation.isSilent) warnOfVariables();
      return await invocation.run();
    }
    if (invocation.kind === 'usage missing') {
      console.error(invocation.text);
      return 2;
    }
    print(invocation.text);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      // It may be what is missing.
      warnOfVariables();
      say(error.message);
      return 2;
    }
    if (!isExpected(error)) throw error;
    sayError(error);
    return 1;
  }
}

function warnOfVariables(): void {
  const flags = Object.values<Command>(COMMANDS).flatMap((command) => Object.values(command.flags));
  const known = flags.flatMap(({ env }) => env ?? []);
  for (const line of describeUnknownVariables(Object.keys(process.env), known)) say(line);
}

/** What networks, files and the other end do has a code. Anything else is a defect, and shows where it happened. */
function isExpected(error: unknown): boolean {
  if (error instanceof CommandError) return true;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && !code.startsWith('ERR_');
}

function print(text: string): void {
  // `| head` has seen enough.
  process.stdout.on('error', () => {});
  console.log(text);
}

/** Nothing is done yet: a command line can be checked without running it. @throws UsageError */
export function interpret(args: string[]): Invocation {
  const [first, ...rest] = args;
  switch (first) {
    case undefined:
      return { kind: 'usage missing', text: overview() };
    case '--version':
    case '-v':
      return { kind: 'print', text: version() };
    case '--help':
    case '-h':
      return { kind: 'print', text: overview() };
    case 'help':
      return { kind: 'print', text: rest[0] === undefined ? overview() : helpOf(commandName(rest[0])) };
    default:
      return interpretCommand(commandName(first), rest);
  }
}

function interpretCommand(name: CommandName, args: string[]): Invocation {
  const command: Command = COMMANDS[name];
  const flags: Flags = { ...command.flags, ...HELP_FLAG };
  let fromVariable = (_flag: string): boolean => false;
  // Who has given no flag is told of the variable.
  const withItsSource = (text: string): string =>
    text.replace(/^--([\w-]+)/, (found, flag) => (fromVariable(flag) ? `$${flags[flag]?.env}` : found));
  try {
    const given = parseFlags(flags, args, command.positionals, {});
    // Whatever the environment says, there is help.
    if (given.help !== undefined) return { kind: 'print', text: helpOf(name) };
    const values = parseFlags(flags, args, command.positionals);
    fromVariable = (flag) => values[flag] !== given[flag];
    assertComplete(command.positionals, values);
    const run = command.prepare(values);
    // Of the relay, --quiet is about standard output.
    const isSilent = name !== 'relay' && values.quiet !== undefined;
    return { kind: 'run', run: () => run().catch(rethrow), isSilent };
  } catch (error) {
    if (error instanceof UsageError) error.message = `${withItsSource(error.message)}; see trunkline ${name} --help`;
    throw error;
  }

  function rethrow(error: unknown): never {
    if (error instanceof CommandError) error.message = withItsSource(error.message);
    throw error;
  }
}

function commandName(text: string): CommandName {
  if (Object.hasOwn(COMMANDS, text)) return text as CommandName;
  const kind = text.startsWith('-') ? 'option' : 'command';
  throw new UsageError(`unknown ${kind} ${quote(text)}; see trunkline --help`);
}

function overview(): string {
  const names = Object.keys(COMMANDS) as CommandName[];
  const width = Math.max(...names.map((name) => name.length));
  return [
    'Usage: trunkline COMMAND [options]',
    '',
    ...names.map((name) => `  ${name.padEnd(width)}  ${COMMANDS[name].summary}`),
    '',
    'trunkline COMMAND --help tells more of a command; trunkline --version prints the version.',
  ].join('\n');
}

function helpOf(name: CommandName): string {
  const { summary, positionals, flags, examples }: Command = COMMANDS[name];
  const words = positionals.map((positional) => `${positional.name} `).join('');
  const width = Math.max(...examples.map(([line]) => line.length));
  return [
    `Usage: trunkline ${name} ${words}[options]`,
    '',
    `${summary}.`,
    '',
    describeFlags({ ...flags, ...HELP_FLAG }, positionals),
    '',
    'Examples:',
    ...examples.map(([line, what]) => `  ${line.padEnd(width)}  ${what}`),
  ].join('\n');
}

/** Next to dist and to cli; a build may put this file one folder deeper. */
export function version(): string {
  const places = ['../package.json', '../../package.json'].map((place) => new URL(place, import.meta.url));
  const manifest = places.find((place) => existsSync(place)) as URL;
  return JSON.parse(readFileSync(manifest, 'utf8')).version;
}
