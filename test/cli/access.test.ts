/** Who may do what at a relay of the command line, and the tokens that say so. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkDuration } from '../../cli/checks.js';
import { UsageError } from '../../cli/flags.js';
import { interpret } from '../../cli/main.js';
import { relayCommand } from '../../cli/relay.js';
import { isLoopback } from '../../cli/relay-access.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { buildCli, CliProcess, runCli } from './cli-process.js';

const SECRET = 'a secret of more than thirty-two bytes';

checkLeaksAfterEach();
buildCli();

let folder: string;
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
let secretFile: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trunkline-access-'));
  secretFile = file('secret', `${SECRET}\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));

function refusalOf(args: string[]): string {
  try {
    interpret(args);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return 'not refused';
}

describe('a relay that others could reach says whom it is for, or does not start', () => {
  const RULE =
    'lets others in, and nothing says whom: give --auth-secret-file FILE or --jwks URL for those with a token, or --open ' +
    'for everybody; see trunkline relay --help';

  test.each([
    '0.0.0.0',
    '::',
    '192.168.0.7',
    '::ffff:10.0.0.1',
    'example.com',
    '127.0.0.1.example.com',
    'localhost.evil',
  ])('at %s', (host) => {
    expect(refusalOf(['relay', '--host', host])).toBe(`--host ${host} ${RULE}`);
    for (const flags of [['--open'], ['--auth-secret-file', 'x'], ['--jwks', 'https://example.com/keys']])
      expect(refusalOf(['relay', '--host', host, ...flags])).toBe('not refused');
  });

  test.each(['127.0.0.1', '127.9.9.9', '::1', 'localhost', '::ffff:127.0.0.1'])('not at %s', (host) => {
    expect(isLoopback(host)).toBe(true);
    expect(refusalOf(['relay', '--host', host])).toBe('not refused');
  });

  test.each([
    ['--trusted-proxy', '127.0.0.1'],
    ['--origin', 'https://example.com'],
  ])('at 127.0.0.1 with %s, which is for others', (flag, value) => {
    const behindProxy = ['relay', '--host', '127.0.0.1', flag, value];
    expect(refusalOf(behindProxy)).toBe(`${flag} ${value} ${RULE}`);
    for (const flags of [['--open'], ['--auth-secret-file', 'x'], ['--jwks', 'https://example.com/keys']])
      expect(refusalOf([...behindProxy, ...flags])).toBe('not refused');
  });

  test('behind a proxy: an empty secret and a misspelt one are told, and it does not start', async () => {
    const start = (env: Record<string, string>) =>
      runCli(['relay', '--port', '0'], '', { env: { TRUNKLINE_TRUSTED_PROXY: '127.0.0.1', ...env } });
    expect(await start({ TRUNKLINE_AUTH_SECRET: '' })).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'trunkline: $TRUNKLINE_AUTH_SECRET is empty, and needs a value: give it one, or unset it; see trunkline relay --help\n',
    });
    expect(await start({ TRUNKLINE_AUTH_SECERT: SECRET })).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'trunkline: $TRUNKLINE_AUTH_SECERT is unknown and says nothing; the nearest known one is $TRUNKLINE_AUTH_SECRET\n' +
        `trunkline: $TRUNKLINE_TRUSTED_PROXY 127.0.0.1 ${RULE}\n`,
    });
  });

  test('as a service of systemd: it does not start before its file of variables says so', async () => {
    const unit = readFileSync('deploy/trunkline.service', 'utf8');
    const env = Object.fromEntries(
      [...unit.matchAll(/^Environment=(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
    );
    const { code, stderr } = await runCli(['relay', '--port', '0'], '', { env });
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^trunkline: \$TRUNKLINE_TRUSTED_PROXY 127\.0\.0\.1,::1 lets others in, and nothing says whom/,
    );
  });

  test.each([['--trusted-proxy'], ['--origin']])(
    'told --open behind a proxy (%s), it says what that means',
    async (flag) => {
      const value = flag === '--origin' ? 'https://example.com' : '127.0.0.1';
      const { relay } = await startRelay(['--port', '0', '--open', flag, value]);
      await relay.says(/^trunkline: --open: whoever reaches this address may listen and connect\n$/);
      await relay.end();
    },
  );

  test('with one line and exit code 2, also where a variable says the host', async () => {
    expect(await runCli(['relay', '--host', '0.0.0.0'])).toEqual({
      code: 2,
      stdout: '',
      stderr: `trunkline: --host 0.0.0.0 ${RULE}\n`,
    });
    expect(await runCli(['relay'], '', { env: { TRUNKLINE_HOST: '::', TRUNKLINE_OPEN: '0' } })).toEqual({
      code: 2,
      stdout: '',
      stderr: `trunkline: $TRUNKLINE_HOST :: ${RULE}\n`,
    });
  });
});

describe('flags that make no sense', () => {
  test.each([
    [['--open', '--jwks', 'https://example.com'], '--open and --jwks exclude each other'],
    [['--auth-secret-file', 'x', '--auth-secret', 'y'], 'exclude each other'],
    [['--auth-secret', 'short'], '--auth-secret must be at least 32 bytes long: openssl rand'],
    [['--auth-secret', ''], '--auth-secret is empty, and needs a value'],
    [['--auth-secret', ` ${SECRET}`], '--auth-secret has blanks or empty lines before or behind its text'],
    [['--auth-secret', `\ufeff${SECRET}`], '--auth-secret begins with a byte order mark'],
    [['--auth-secret', `${SECRET}\ufffd`], '--auth-secret is not valid UTF-8'],
    [['--jwks', 'keys.json'], '--jwks must be the http or https URL'],
    [['--jwks', 'file:///keys'], '--jwks must be the http or https URL'],
    [['--issuer', 'me'], '--issuer and --audience are of tokens'],
    [['--open', '--audience', 'me'], '--issuer and --audience are of tokens'],
    [['--origin', 'example.com'], '--origin must be like https://example.com'],
    [['--origin', 'https://a.com', '--origin', '*'], 'unlike "*"'],
    [['--trusted-proxy', 'nginx'], '--trusted-proxy must be addresses or ranges'],
    [['--origin', ','], '--origin is empty, and needs a value: --origin ORIGIN'],
    [['--trusted-proxy', ' , '], '--trusted-proxy is empty, and needs a value: --trusted-proxy ADDRESS'],
    [['--trusted-proxy', '10.0.0.0/8,10.0.0.0/99'], 'unlike "10.0.0.0/99"'],
  ])('relay %j', (flags, message) => {
    expect(refusalOf(['relay', ...flags])).toContain(message);
  });

  test.each([
    [[], 'say what the token allows: --listen NAME, --connect NAME or --watch NAME'],
    [['--listen', ','], '--listen is empty, and needs a value: --listen NAME'],
    [['--listen', 'a', '--ttl', '999999d'], '--ttl must be at most 3650d, ten years, not "999999d"'],
    [['--listen', 'a b'], '--listen must be a name, or one with * for any characters, unlike "a b"'],
    [['--connect', 'a,:b'], '--connect must be a name, or one with * for any characters, unlike ":b"'],
    [['--watch', 'a?'], '--watch must be a name'],
    [['--listen', 'a', '--ttl', '1'], '--ttl must be a number above 0 and s, m, h or d, such as 15m, not "1"'],
    [['--listen', 'a'], "the relay's secret is missing: give --auth-secret-file FILE, or the variable"],
    [['--listen', 'a', '--auth-secret', 'short'], '--auth-secret must be at least 32 bytes long'],
  ])('token %j', (flags, message) => {
    expect(refusalOf(['token', ...flags])).toContain(message);
  });

  test.each([
    ['90s', 90],
    ['15m', 900],
    ['1h', 3_600],
    ['30d', 2_592_000],
    ['3650d', 315_360_000],
    ['87600h', 315_360_000],
  ])('a time of %s', (text, seconds) => {
    expect(checkDuration('--ttl', text)).toBe(seconds);
  });

  test.each(['', '0s', '1', 'h', '1y', '-1h', '1.5h', '1h30m', '1H', ' 1h', '1000001s', '3651d', '87601h'])(
    'no time of %j',
    (text) => {
      expect(() => checkDuration('--ttl', text)).toThrow(UsageError);
    },
  );
});

describe('trunkline token', () => {
  const verify = async (token: string) => (await jwtVerify(token, Buffer.from(SECRET))).payload;

  test('prints the token and nothing else', async () => {
    const args = ['token', '--listen', 'room:*', '--listen', 'lobby', '--connect', '*', '--watch', 'room:*'];
    const more = ['--ttl', '15m', '--subject', 'ann', '--issuer', 'me', '--audience', 'relay'];
    const { code, stdout, stderr } = await runCli([...args, ...more, '--auth-secret-file', secretFile]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const { iat, exp, ...claims } = await verify(stdout.trim());
    expect(Number(exp) - Number(iat)).toBe(900);
    expect(claims).toEqual({
      listen: ['room:*', 'lobby'],
      connect: ['*'],
      watch: ['room:*'],
      sub: 'ann',
      iss: 'me',
      aud: 'relay',
    });
  });

  test('takes the secret from a variable, and allows no more than was said', async () => {
    const { code, stdout } = await runCli(['token', '--connect', 'a'], '', { env: { TRUNKLINE_AUTH_SECRET: SECRET } });
    expect(code).toBe(0);
    expect(await verify(stdout.trim())).toEqual({ connect: ['a'], iat: expect.any(Number), exp: expect.any(Number) });
    const { iat = 0, exp = 0 } = decodeJwt(stdout.trim());
    expect(exp - iat).toBe(3_600);
  });
});

/** A relay that asks for tokens, and files with some. */
async function startRelay(args: string[], env?: Record<string, string>) {
  const relay = new CliProcess(['relay', ...args], env ? { env } : {});
  const [, url = ''] = await relay.prints(/^relay +(ws:\S+)$/m);
  return { relay, url };
}

async function tokenFile(name: string, ...args: string[]): Promise<string> {
  const { stdout } = await runCli(['token', ...args, '--auth-secret-file', secretFile]);
  return file(name, stdout);
}

describe('a relay with a secret', () => {
  test('serves those whose token allows it, and tells the others why not', async () => {
    const { relay, url } = await startRelay(['--port', '0', '--auth-secret-file', secretFile]);
    const [ann, ben] = await Promise.all([
      tokenFile('ann', '--listen', 'room:*'),
      tokenFile('ben', '--connect', 'room:1'),
    ]);
    const listener = new CliProcess(['listen', 'room:1', '--relay', url, '--token-file', ann]);
    listener.stdin.end('hello');
    await relay.prints(/^created room:1$/m);

    const connect = (name: string, ...args: string[]) => runCli(['connect', name, '--relay', url, ...args]);
    const refusals = await Promise.all([
      connect('room:1'),
      connect('room:1', '--token', 'guess'),
      connect('room:1', '--token-file', ann),
      connect('room:2', '--token-file', ben),
      runCli(['listen', 'room:2', '--relay', url, '--token-file', ben]),
    ]);
    expect(refusals.map(({ code, stderr }) => `${code} ${stderr}`)).toEqual([
      '1 trunkline: UNAUTHENTICATED: this relay asks for a token, and there is none\n',
      '1 trunkline: UNAUTHENTICATED: the token is not a signed JSON Web Token\n',
      '1 trunkline: FORBIDDEN: this token does not allow to connect to room:1\n',
      '1 trunkline: FORBIDDEN: this token does not allow to connect to room:2\n',
      '1 trunkline: FORBIDDEN: this token does not allow to listen on room:2\n',
    ]);

    expect(await connect('room:1', '--token-file', ben)).toEqual({ code: 0, stdout: 'hello', stderr: '' });
    expect(await listener.exit).toBe(0);
    relay.kill('SIGTERM');
    expect(await relay.exit).toBe(0);
    expect(relay.stderr).toMatch(/^(\S+Z warn tunnel refused tunnel=\d+ \S+ code=UNAUTHENTICATED .+\n){2}$/);
  });

  test('may be told everything by variables', async () => {
    const { relay, url } = await startRelay([], {
      TRUNKLINE_PORT: '0',
      TRUNKLINE_HOST: '127.0.0.1',
      TRUNKLINE_PATH: '/live',
      TRUNKLINE_GRACE: '0',
      TRUNKLINE_QUIET: 'yes',
      TRUNKLINE_AUTH_SECRET: SECRET,
      TRUNKLINE_AUDIENCE: 'relay',
      TRUNKLINE_ISSUER: 'me',
    });
    expect(new URL(url).pathname).toBe('/live');
    const plain = await tokenFile('plain', '--listen', '*', '--connect', '*');
    const right = await tokenFile('right', '--connect', '*', '--issuer', 'me', '--audience', 'relay');
    const attempt = async (token: string) =>
      (await runCli(['connect', 'x', '--relay', url, '--token-file', token])).stderr;
    expect(await attempt(plain)).toMatch(/^trunkline: UNAUTHENTICATED: the token is not .*\((iss|aud)\)/);
    expect(await attempt(right)).toMatch(/^trunkline: NO_LISTENER: /);
    await relay.end();
  });

  test('a flag is stronger than the variables', async () => {
    const env = { TRUNKLINE_AUTH_SECRET: SECRET, TRUNKLINE_PORT: 'http' };
    const { relay, url } = await startRelay(['--open', '--port', '0'], env);
    expect((await runCli(['connect', 'x', '--relay', url])).stderr).toMatch(/^trunkline: NO_LISTENER: /);
    await relay.end();
  });

  test('what is wrong with a variable is told by its name', async () => {
    const { code, stderr } = await runCli(['relay'], '', { env: { TRUNKLINE_PORT: 'tcp://10.0.0.1:80' } });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^trunkline: \$TRUNKLINE_PORT must be a whole number from 0 to 65535, not "tcp:/);
    const both = { TRUNKLINE_OPEN: '1', TRUNKLINE_AUTH_SECRET: SECRET };
    expect((await runCli(['relay'], '', { env: both })).stderr).toMatch(
      /^trunkline: \$TRUNKLINE_AUTH_SECRET and \$TRUNKLINE_OPEN exclude each other/,
    );
  });
});

test('every flag of the relay has a variable, which is named after it', () => {
  for (const [name, flag] of Object.entries(relayCommand.flags))
    expect(flag.env, name).toBe(`TRUNKLINE_${name.toUpperCase().replaceAll('-', '_')}`);
});
