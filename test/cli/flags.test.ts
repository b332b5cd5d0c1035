import { describe, expect, test } from 'vitest';
import { assertComplete, describeFlags, type Flags, listOf, type Positionals, parseFlags } from '../../cli/flags.js';
import { COMMANDS, interpret } from '../../cli/main.js';
import { describeError } from '../../cli/notices.js';
import { TrunklineError } from '../../src/index.js';

const WORDS: Positionals = [
  { name: 'FROM', text: 'the start' },
  { name: 'TO', text: 'the goal' },
];
const FLAGS: Flags = {
  relay: { value: 'URL', default: 'ws://here', env: 'RELAY', text: 'where' },
  quiet: { short: 'q', text: 'say nothing' },
};

describe('words', () => {
  test('have their places, with flags anywhere between them', () => {
    expect(parseFlags(FLAGS, ['a', '-q', 'b'], WORDS, {})).toMatchObject({ FROM: 'a', TO: 'b', quiet: 'true' });
    expect(parseFlags(FLAGS, ['--', '-a', '--b'], WORDS, {})).toMatchObject({ FROM: '-a', TO: '--b' });
  });

  test('too many are an error, and so are too few once all is read', () => {
    expect(() => parseFlags(FLAGS, ['a', 'b', 'c'], WORDS, {})).toThrow('unexpected argument "c"');
    const values = parseFlags(FLAGS, ['a'], WORDS, {});
    expect(() => assertComplete(WORDS, values)).toThrow('TO is missing, the goal');
  });

  test('are in the help, before the flags', () => {
    expect(describeFlags(FLAGS, WORDS)).toBe(
      [
        '  FROM         the start',
        '  TO           the goal',
        '  --relay URL  where (default $RELAY, or ws://here)',
        '  -q, --quiet  say nothing',
      ].join('\n'),
    );
  });
});

test('a variable stands for a flag that is not given; an empty one for nothing', () => {
  expect(parseFlags(FLAGS, [], [], { RELAY: 'ws://there' }).relay).toBe('ws://there');
  expect(parseFlags(FLAGS, ['--relay', 'ws://mine'], [], { RELAY: 'ws://there' }).relay).toBe('ws://mine');
  expect(parseFlags(FLAGS, [], [], { RELAY: '' }).relay).toBe('ws://here');
  expect(parseFlags(FLAGS, [], [], {}).relay).toBe('ws://here');
});

test('an empty variable is a mistake where it was to protect something', () => {
  const guarded: Flags = {
    secret: { value: 'TEXT', env: 'SECRET', oneOf: 'access', isNeverEmpty: true, text: 'a' },
    open: { oneOf: 'access', text: 'b' },
  };
  const read = (...args: string[]) => parseFlags(guarded, args, [], { SECRET: '' });
  expect(() => read()).toThrow('$SECRET is empty, and needs a value: give it one, or unset it');
  // What the command line says is stronger.
  expect(read('--secret', 'x')).toEqual({ secret: 'x' });
  expect(read('--open')).toEqual({ open: 'true' });
  expect(parseFlags(guarded, [], [], {})).toEqual({});
});

describe('a flag that is a list', () => {
  const LIST: Flags = {
    open: { value: 'NAME', isList: true, env: 'OPEN', text: 'what' },
    last: { value: 'X', text: 'y' },
  };
  const read = (args: string[], env = {}) => listOf(parseFlags(LIST, args, [], env).open);

  test('has all of its values, those of one and those of several', () => {
    expect(read(['--open', 'a', '--open', 'b,c', '--open=d'])).toEqual(['a', 'b', 'c', 'd']);
    expect(read([], { OPEN: 'a, b,,c,' })).toEqual(['a', 'b', 'c']);
    expect(read(['--open', 'z'], { OPEN: 'a' })).toEqual(['z']);
    expect(read([])).toEqual([]);
  });

  test.each([',', ' , ,', ' '])('of which %j is none', (text) => {
    expect(() => read(['--open', text])).toThrow('--open is empty, and needs a value: --open NAME');
    expect(() => read([], { OPEN: text })).toThrow('$OPEN is empty, and needs a value: --open NAME');
  });

  test('and of another the last one counts', () => {
    expect(parseFlags(LIST, ['--last', '1', '--last', '2'], [], {}).last).toBe('2');
  });

  test('is said to be one', () => {
    expect(describeFlags(LIST)).toContain('--open NAME  what; may be repeated (default $OPEN)');
  });
});

describe('a variable for a flag without a value', () => {
  const SWITCH: Flags = { open: { env: 'OPEN', text: 'what' } };
  test.each([
    ['1', 'true'],
    ['true', 'true'],
    ['YES', 'true'],
    ['0', undefined],
    ['false', undefined],
    ['No', undefined],
    ['', undefined],
  ])('%j is %s', (text, value) => {
    expect(parseFlags(SWITCH, [], [], { OPEN: text }).open).toBe(value);
  });

  test('may say nothing else', () => {
    expect(() => parseFlags(SWITCH, [], [], { OPEN: 'maybe' })).toThrow('$OPEN must be 1 or 0, not "maybe"');
    expect(() => parseFlags(SWITCH, [], [], { OPEN: 'constructor' })).toThrow('$OPEN must be 1 or 0');
  });
});

describe('flags of which there is one', () => {
  const ONE: Flags = {
    file: { value: 'FILE', env: 'FILE', oneOf: 'source', text: 'a' },
    text: { value: 'TEXT', env: 'TEXT', oneOf: 'source', text: 'b' },
    none: { env: 'NONE', oneOf: 'source', text: 'c' },
    other: { value: 'X', env: 'OTHER', text: 'd' },
  };

  test('on the command line, whatever the variables say', () => {
    const env = { FILE: 'f', NONE: '1', OTHER: 'o' };
    expect(parseFlags(ONE, ['--text', 't'], [], env)).toEqual({ text: 't', other: 'o' });
  });

  test('as a variable, when there is another flag', () => {
    expect(parseFlags(ONE, ['--other', 'x'], [], { FILE: 'f', NONE: '0' })).toEqual({ file: 'f', other: 'x' });
  });

  test.each([
    [['--file', 'f', '--none'], {}, '--file and --none exclude each other'],
    [['--file', 'f', '--text', 't'], { NONE: '1' }, '--file and --text exclude each other'],
    [[], { FILE: 'f', TEXT: 't' }, '$FILE and $TEXT exclude each other'],
  ])('not two: %j %j', (args, env, message) => {
    expect(() => parseFlags(ONE, args, [], env)).toThrow(message);
  });
});

describe('what makes no sense is told in one line', () => {
  test.each([
    ['no name', ['connect'], 'NAME is missing, what the other end listens on'],
    ['two names', ['connect', 'a', 'b'], 'unexpected argument "b"'],
    ['a name that is none', ['listen', 'a b'], '"a b" is not a name: 1 to 128 of'],
    ['an empty name', ['listen', ''], '"" is not a name'],
    ['meta that is no JSON', ['connect', 'a', '--meta', '{a:1}'], '--meta must be JSON'],
    [
      'a wait that is a word',
      ['connect', 'a', '--wait', 'long'],
      '--wait must be a whole number from 0 to 120, not "long"',
    ],
    ['a wait too long', ['connect', 'a', '--wait', '121'], 'not "121"'],
    ['a relay that is no URL', ['connect', 'a', '--relay', 'here'], '--relay must be a URL that starts with ws'],
    ['a relay of another kind', ['listen', 'a', '--relay', 'ftp://host'], 'not "ftp://host"'],
    ['a port without a number', ['listen', 'a', '--tcp', 'host'], '--tcp must be HOST:PORT'],
    ['a service at port 0', ['listen', 'a', '--tcp', '0'], '--tcp must have a port from 1 to 65535'],
    ['a token in two places', ['listen', 'a', '--token', 't', '--token-file', 'f'], 'exclude each other'],
    ['--many with --tcp', ['listen', 'a', '--tcp', '80', '--many'], 'leave --many out'],
  ])('%s', (_what, args, message) => {
    expect(() => interpret(args)).toThrow(message);
    expect(() => interpret(args)).toThrow(/^[^\n]+; see trunkline \w+ --help$/);
  });

  test('help needs no words', () => {
    expect(interpret(['connect', '--help']).kind).toBe('print');
  });
});

test.each(Object.entries(COMMANDS))('the examples of %s are command lines that make sense', (_name, { examples }) => {
  expect(examples.length).toBeGreaterThan(1);
  for (const [line] of examples) {
    const [program, ...args] = line
      .replace(/ [<>|].*$/, '')
      .replaceAll("'", '')
      .split(' ');
    expect(program).toBe('trunkline');
    expect(interpret(args).kind).toBe('run');
  }
});

describe('an error is told', () => {
  test.each([
    ['CODE: message', new TrunklineError('NO_LISTENER', 'nobody there'), 'NO_LISTENER: nobody there'],
    ['with the code of an application', new TrunklineError('REFUSED', 'no', { appCode: 'BUSY' }), 'REFUSED: no (BUSY)'],
    [
      'with the code of a system once',
      Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' }),
      'ECONNREFUSED: connect 127.0.0.1:1',
    ],
    [
      'in front of it, too',
      Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' }),
      'ENOENT: no such file',
    ],
    ['without a code', new Error('just so'), 'just so'],
    ['on one line', new TrunklineError('REFUSED', 'a\r\nb\u001b[2J\u2028c'), 'REFUSED: a b [2J c'],
  ])('%s', (_what, error, text) => {
    expect(describeError(error)).toBe(text);
  });
});
