/** What the relay of the command line tells on standard error, and at which level. */
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../cli/flags.js';
import { interpret } from '../../cli/main.js';
import { checkLogger, createLogger } from '../../cli/relay-log.js';
import { connectTunnel, StreamServer } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { RawPeer } from '../support/raw-peer.js';
import { buildCli, CliProcess } from './cli-process.js';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

checkLeaksAfterEach();
buildCli();

describe('a line', () => {
  const lineOf = (fields: object, message = 'tunnel closed'): string | undefined => {
    const lines: string[] = [];
    createLogger(
      'debug',
      (line) => lines.push(line),
      () => new Date(Date.UTC(2030, 0, 31, 12)),
    ).warn(fields, message);
    return lines[0];
  };

  test('says when, how bad it is, what, and what is known of it', () => {
    expect(lineOf({ tunnel: 7, remoteAddress: '::ffff:192.0.2.1', code: 'LIMIT_RATE', durationMs: 12 })).toBe(
      '2030-01-31T12:00:00.000Z warn tunnel closed tunnel=7 remoteAddress=::ffff:192.0.2.1 code=LIMIT_RATE durationMs=12',
    );
    expect(lineOf({ remoteAddress: undefined }, 'closing')).toBe('2030-01-31T12:00:00.000Z warn closing');
  });

  test('stays one, whatever a peer calls itself, and steers no terminal', () => {
    expect(lineOf({ userAgent: 'a\nb code=OK "c"', at: ['f (x.js:1)'] }, 'x')).toBe(
      '2030-01-31T12:00:00.000Z warn x userAgent="a\\nb code=OK \\"c\\"" at=["f (x.js:1)"]',
    );
    expect(lineOf({ userAgent: '\u001b[31m \u009b31m\u2028 red' }, 'x')).toBe(
      '2030-01-31T12:00:00.000Z warn x userAgent="\\u001b[31m  31m  red"',
    );
  });
});

describe('a level', () => {
  test.each(LEVELS.map((level, index) => [level, LEVELS.slice(index)] as const))(
    '%s is that and what is worse',
    (level, told) => {
      const lines: string[] = [];
      const logger = createLogger(level, (line) => lines.push(line));
      for (const each of LEVELS) logger[each]({}, 'x');
      expect(lines.map((line) => line.split(' ')[1])).toEqual(told);
    },
  );

  test('may be off, and is one of these', () => {
    expect(checkLogger('off')).toBeUndefined();
    expect(() => interpret(['relay', '--log', 'loud'])).toThrow(UsageError);
    expect(() => interpret(['relay', '--log', 'loud'])).toThrow(
      '--log must be debug, info, warn, error or off, not "loud"; see trunkline relay --help',
    );
  });
});

/** All that a relay says on standard error of an honest tunnel, of one that breaks the protocol, and of one without a token. */
async function linesOf(args: string[], env: Record<string, string> = {}): Promise<string[]> {
  const program = new CliProcess(['relay', '--port', '0', '--grace', '0', ...args], { env });
  const [, url = ''] = await program.prints(/^relay +(ws:\S+)$/m);
  const tunnel = connectTunnel(url, { token: 'secret-of-mine' });
  const listener = StreamServer(tunnel).listen('shown');
  listener.on('error', () => {});
  const outcome = await listener.ready.then(
    () => listener.close(),
    () => {},
  );
  expect(outcome).toBeUndefined();
  tunnel.close();
  await tunnel.closed;
  const wrong = await RawPeer.dial(url);
  wrong.send(Buffer.from('no frame at all'));
  await wrong.goaway();
  await wrong.close();
  program.kill('SIGTERM');
  expect(await program.exit).toBe(0);
  expect(program.stderr).not.toContain('secret-of-mine');
  return program.stderr.split('\n').slice(0, -1);
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /;
const eventsOf = (lines: string[]) =>
  lines.map((line) => line.replace(TIME, '').replace(/ (tunnel|name|grace)\w*=.*/, ''));

describe('a relay', () => {
  test('tells of faults, unless it is told otherwise', async () => {
    const lines = await linesOf([]);
    expect(lines).toEqual([
      expect.stringMatching(
        /^\S+Z warn tunnel refused tunnel=2 remoteAddress=127\.0\.0\.1 code=PROTOCOL durationMs=\d+ streams=0 refusals=0 /,
      ),
    ]);
    expect(lines[0]).toMatch(TIME);
  });

  test.each<[string, string[], Record<string, string>]>([
    ['flag', ['--log', 'info'], {}],
    ['variable', [], { TRUNKLINE_LOG: 'info' }],
    ['flag, which is stronger than the variable', ['--log', 'info'], { TRUNKLINE_LOG: 'off' }],
  ])('tells of all that comes and goes, by a %s', async (_what, args, env) => {
    const lines = await linesOf(['--quiet', ...args], env);
    expect(eventsOf(lines)).toEqual([
      'info tunnel opened',
      'info name created',
      'info name destroyed',
      'info tunnel closed',
      'warn tunnel refused',
      'info draining',
      'info closing',
    ]);
    expect(lines[1]).toMatch(/ name=shown$/);
  });

  test('tells of nobody’s fault but its own, or of nothing', async () => {
    expect(await linesOf(['--log', 'error'])).toEqual([]);
    expect(await linesOf(['--log', 'off'])).toEqual([]);
  });

  test('tells of tokens that are not good, and not what they are', async () => {
    const secret = { TRUNKLINE_AUTH_SECRET: 'a secret of more than thirty-two bytes' };
    const lines = await linesOf([], secret);
    expect(eventsOf(lines)).toEqual(['warn tunnel refused', 'warn tunnel refused']);
    expect(lines[0]).toContain(' code=UNAUTHENTICATED ');
  });
});
