import { existsSync, readFileSync } from 'node:fs';
import { type Command, CommandError } from './cli-command.js';
import { describeFlags, type Flags, parseFlags, quote, UsageError } from './cli-flags.js';
import { relayCommand } from './cli-relay.js';

const COMMANDS = { relay: relayCommand } satisfies Record<string, Command>;
type CommandName = keyof typeof COMMANDS;

const HELP_FLAG: Flags = { help: { short: 'h', text: 'show this' } };

/** What a command line asks for. */
export type Invocation =
  | { kind: 'print'; text: string }
  | { kind: 'usage missing'; text: string }
  | { kind: 'run'; run: () => Promise<void> };

/**
 * Runs one command line; returns the exit code: 0 done, 1 it could not be done here, 2 the command line makes no sense.
 */
export async function main(args: string[]): Promise<number> {
  // Who reads our lines may go away (`| head`); that is no reason for a relay to end.
  process.stdout.on('error', () => {});
  try {
    const invocation = interpret(args);
    if (invocation.kind === 'run') await invocation.run();
    else if (invocation.kind === 'print') console.log(invocation.text);
    else {
      console.error(invocation.text);
      return 2;
    }
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof CommandError)) throw error;
    console.error(`trunkline: ${error.message}`);
    return error instanceof UsageError ? 2 : 1;
  }
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
  const command = COMMANDS[name];
  try {
    const values = parseFlags({ ...command.flags, ...HELP_FLAG }, args);
    if (values.help !== undefined) return { kind: 'print', text: helpOf(name) };
    return { kind: 'run', run: command.prepare(values) };
  } catch (error) {
    if (error instanceof UsageError) error.message += `; see trunkline ${name} --help`;
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
  const { summary, flags, examples } = COMMANDS[name];
  const width = Math.max(...examples.map(([line]) => line.length));
  return [
    `Usage: trunkline ${name} [options]`,
    '',
    `${summary}.`,
    '',
    describeFlags({ ...flags, ...HELP_FLAG }),
    '',
    'Examples:',
    ...examples.map(([line, what]) => `  ${line.padEnd(width)}  ${what}`),
  ].join('\n');
}

/** Next to dist and to relay; a build may put this file one folder deeper. */
export function version(): string {
  const places = ['../package.json', '../../package.json'].map((place) => new URL(place, import.meta.url));
  const manifest = places.find((place) => existsSync(place)) as URL;
  return JSON.parse(readFileSync(manifest, 'utf8')).version;
}
