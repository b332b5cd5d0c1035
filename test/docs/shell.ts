import { existsSync, readFileSync } from 'node:fs';
import { interpret } from '../../cli/main.js';

const SCRIPTS: Record<string, string> = JSON.parse(readFileSync('package.json', 'utf8')).scripts;

/** What is wrong with a shell command of the documentation. Nothing is run: names, files and flags are checked. */
export function shellProblems(text: string): string[] {
  // Where it goes to and comes from is no part of a command.
  const commands = text.split(/\n|&&|\|/).map((command) => command.replace(/\s[<>]{1,2}\s*\S+/g, '').trim());
  return commands.filter((command) => command !== '').flatMap(problemsOf);
}

function problemsOf(command: string): string[] {
  // As a shell takes a word in quotes.
  const [program, ...args] = command.split(/\s+/).map((word) => word.replace(/^'(.*)'$/, '$1'));
  switch (program) {
    // Other people's.
    case 'docker':
    case 'echo':
    case 'openssl':
    case 'psql':
    case 'sudo':
    case 'tar':
      return [];
    case 'npm':
      return npmProblems(command, args);
    case 'npx':
      return args[0] === 'trunkline' ? cliProblems(command, args.slice(1)) : toolProblems(command, args);
    case 'node':
      if (args[0] === 'dist/cli.js') return cliProblems(command, args.slice(1));
      return existsSync(args[0] ?? '') ? [] : [`${command}: there is no file ${args[0]}`];
    default:
      return [`${command}: a command that is not checked`];
  }
}

function npmProblems(command: string, [first = '', second = '']: string[]): string[] {
  if (first === 'ci') return [];
  const script = first === 'run' ? second : first;
  const isKnown = (first === 'run' || first === 'start' || first === 'test') && script in SCRIPTS;
  return isKnown ? [] : [`${command}: package.json has no script ${script}`];
}

function cliProblems(command: string, args: string[]): string[] {
  try {
    return interpret(args).kind === 'usage missing' ? [`${command}: names no command`] : [];
  } catch (error) {
    return [`${command}: ${(error as Error).message}`];
  }
}

function toolProblems(command: string, [tool = '', ...args]: string[]): string[] {
  if (!existsSync(`node_modules/.bin/${tool}`)) return [`${command}: ${tool} is not installed here`];
  const paths = args.filter((arg) => arg.includes('/'));
  return paths.filter((path) => !existsSync(path)).map((path) => `${command}: there is no ${path}`);
}
