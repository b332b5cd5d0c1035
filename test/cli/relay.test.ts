/** The command as a process: what it prints, how it ends, and what its clients are told. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { UsageError } from '../../cli/flags.js';
import { COMMANDS, interpret } from '../../cli/main.js';
import { connectTunnel, StreamClient, StreamServer } from '../../src/index.js';
import { Program, run, stopAllPrograms } from '../docs/program.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { RawPeer, Type } from '../support/raw-peer.js';

const CLI = 'cli/bin.ts';
const cli = (...args: string[]) => run(CLI, args);

checkLeaksAfterEach();
afterEach(async () => {
  expect(await stopAllPrograms(), 'processes left running').toBe(0);
});

/** A relay on a free port, once it says where. */
async function startCli(...args: string[]): Promise<{ program: Program; url: string; port: number }> {
  const program = new Program(CLI, ['relay', '--port', '0', ...args]);
  const [, url = ''] = await program.line(/^relay +(ws:\S+)$/);
  return { program, url, port: Number(new URL(url).port) };
}

async function fetchText(url: string): Promise<{ status: number | undefined; type: string | undefined; text: string }> {
  const [response] = await once(get(url, { agent: false }), 'response');
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return { status: response.statusCode, type: response.headers['content-type'], text };
}

function thrownBy(action: () => unknown): Error {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

describe('what it says of itself', () => {
  test('--version is that of the package', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(await cli('--version')).toEqual({ code: 0, signal: null, stdout: `${version}\n`, stderr: '' });
  });

  test.each([[['--help']], [['-h']], [['help']]])('%j lists the commands', async (args) => {
    const { code, stdout, stderr } = await cli(...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const name of Object.keys(COMMANDS)) expect(stdout).toMatch(new RegExp(`^ {2}${name} +\\S`, 'm'));
  });

  test.each([[['relay', '--help']], [['help', 'relay']], [['relay', '--port', 'x', '-h', '--port', '1']]])(
    '%j tells every flag with its default, and examples',
    async (args) => {
      const { code, stdout, stderr } = await cli(...args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/--port NUMBER .*\(default \$TRUNKLINE_PORT, or 8080\)/);
      expect(stdout).toMatch(/--host ADDRESS .*\(default \$TRUNKLINE_HOST, or 127\.0\.0\.1\)/);
      expect(stdout).toMatch(/--path PATH .*\(default \$TRUNKLINE_PATH, or \/trunkline\)/);
      expect(stdout).toMatch(/--grace SECONDS .*\(default \$TRUNKLINE_GRACE, or 10\)/);
      expect(stdout).toMatch(/--log LEVEL .*\(default \$TRUNKLINE_LOG, or warn\)/);
      expect(stdout).toMatch(/-q, --quiet .*\n/);
      expect(stdout).toMatch(/Examples:\n( {2}trunkline relay.+\n){2,}/);
    },
  );

  test('without a command: how it is used, and exit code 2', async () => {
    const { code, stdout, stderr } = await cli();
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: trunkline COMMAND/);
  });
});

describe('a command line that makes no sense', () => {
  test.each([
    ['no such command', ['frobnicate'], 'trunkline: unknown command "frobnicate"; see trunkline --help\n'],
    ['no such option', ['relay', '--prot', '1'], 'trunkline: unknown option --prot; see trunkline relay --help\n'],
  ])('is answered with one line and exit code 2: %s', async (_what, args, stderr) => {
    expect(await cli(...args)).toEqual({ code: 2, signal: null, stdout: '', stderr });
  });

  test.each([
    ['an unknown command', ['frobnicate'], 'unknown command "frobnicate"'],
    ['an unknown command for help', ['help', 'toString'], 'unknown command "toString"'],
    ['an option before the command', ['--port', '1'], 'unknown option "--port"'],
    ['an unknown option', ['relay', '--prot', '1'], 'unknown option --prot'],
    ['an option named like a method', ['relay', '--constructor'], 'unknown option --constructor'],
    ['an unknown letter', ['relay', '-qx'], 'unknown option -x'],
    ['an extra word', ['relay', '8080'], 'unexpected argument "8080"'],
    ['a word behind --', ['relay', '--', '-x'], 'unexpected argument "-x"'],
    ['a missing value', ['relay', '--port'], '--port needs a value: --port NUMBER'],
    ['an empty value', ['relay', '--host='], '--host is empty, and needs a value: --host ADDRESS'],
    ['a value too many', ['relay', '--quiet=yes'], '--quiet takes no value'],
    ['a port that is a word', ['relay', '--port', 'http'], '--port must be a whole number from 0 to 65535, not "http"'],
    ['a port in hexadecimal', ['relay', '--port', '0x50'], 'not "0x50"'],
    ['a fraction of a port', ['relay', '--port', '80.5'], 'not "80.5"'],
    ['a negative port', ['relay', '--port', '-1'], 'not "-1"'],
    ['a port out of range', ['relay', '-p', '65536'], 'not "65536"'],
    [
      'a grace that is a word',
      ['relay', '--grace', 'long'],
      '--grace must be a whole number from 0 to 86400, not "long"',
    ],
    ['a negative grace', ['relay', '--grace', '-1'], 'not "-1"'],
    ['a fraction of a grace', ['relay', '--grace', '0.5'], 'not "0.5"'],
    ['a grace without end', ['relay', '--grace', '86401'], 'not "86401"'],
    ['a path without its slash', ['relay', '--path', 'live'], '--path must start with /'],
    ['a path with a query', ['relay', '--path', '/a?b'], '--path must start with /'],
    ['a path that a URL spells otherwise', ['relay', '--path', '/ö'], 'unlike "/ö"'],
    ['a path that goes up', ['relay', '--path', '/a/../b'], 'unlike "/a/../b"'],
    ['control characters', ['\u001b[31m\n'], 'unknown command "\\u001b[31m\\n"'],
  ])('is told in one line what is wrong with it: %s', (_what, args, message) => {
    const error = thrownBy(() => interpret(args));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toMatch(/^[^\n]+; see trunkline (relay )?--help$/);
    expect(error.message).toContain(message);
  });
});

describe('what cannot be done here is answered with one line, its remedy and exit code 1', () => {
  const refused = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cli('relay', ...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^trunkline: [^\n]+\n$/);
    return stderr;
  };

  test('a port in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    try {
      expect(await refused('--port', String(port))).toMatch(
        /port \d+ of 127\.0\.0\.1 is in use: choose another with --port/,
      );
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
  });

  test('a host that does not exist', async () => {
    expect(await refused('--port', '0', '--open', '--host', 'no-such-host.invalid')).toMatch(
      /no host "no-such-host\.invalid": give --host/,
    );
  });

  test("somebody else's address", async () => {
    // TEST-NET-1 (RFC 5737): nobody's own.
    expect(await refused('--port', '0', '--open', '--host', '192.0.2.1')).toMatch(
      /"192\.0\.2\.1" is not of .*: give --host/,
    );
  });
});

describe('a running relay', () => {
  test('carries streams, serves its script where it says, and logs names', async () => {
    const { program, url } = await startCli('--path', '/live');
    expect(new URL(url).pathname).toBe('/live');
    const [, script = ''] = await program.line(/^script +(http:\S+)$/);
    await program.line(/^stop +Ctrl-C/);
    expect(script).toBe(`${url.replace('ws:', 'http:')}/trunkline.js`);
    // Without a build there is a 404 in its place, which says so; the relay's own 404 would be a mistake.
    const answer = await fetchText(script);
    expect(answer.text).toMatch(answer.status === 200 ? /trunkline/ : /has not been built/);
    const elsewhere = await fetchText(new URL('/', script).href);
    expect(elsewhere).toMatchObject({ status: 404, type: 'text/plain; charset=utf-8' });
    expect(elsewhere.text).toContain('/live/trunkline.js');

    const tunnel = connectTunnel(url);
    const listener = StreamServer(tunnel, (stream) => stream.pipe(stream)).listen('echo');
    await listener.ready;
    const stream = StreamClient(tunnel).connect('echo').setEncoding('utf8');
    stream.end('hello');
    let text = '';
    for await (const chunk of stream) text += chunk;
    expect(text).toBe('hello');
    await listener.close();
    await program.line(/^destroyed echo$/);
    tunnel.close();
    await tunnel.closed;

    program.kill('SIGTERM');
    expect(await program.exit).toEqual({ code: 0, signal: null });
    expect(program.lines.slice(3)).toEqual([
      'created echo',
      'destroyed echo',
      'SIGTERM: closing; once more ends it at once',
    ]);
    expect(program.stderr).toBe('');
  });

  test('--quiet logs no names', async () => {
    const { program, url } = await startCli('--quiet');
    const tunnel = connectTunnel(url);
    await StreamServer(tunnel).listen('silent').close();
    tunnel.close();
    await tunnel.closed;
    program.kill('SIGINT');
    expect(await program.exit).toEqual({ code: 0, signal: null });
    expect(program.lines.slice(3)).toEqual(['SIGINT: closing; once more ends it at once']);
  });

  test('at the root path', async () => {
    const { program, url } = await startCli('--path', '/');
    const tunnel = connectTunnel(url);
    await tunnel.opened;
    await program.line(/^script +http:\/\/127\.0\.0\.1:\d+\/trunkline\.js$/);
    tunnel.close();
    await tunnel.closed;
    program.kill('SIGTERM');
    expect(await program.exit).toEqual({ code: 0, signal: null });
  });

  test('warns when everybody can reach it', async () => {
    const { program, url } = await startCli('--host', '0.0.0.0', '--open');
    expect(new URL(url).hostname).toBe('localhost');
    await program.line(/^stop/);
    program.kill('SIGTERM');
    await program.exit;
    expect(program.stderr).toMatch(/^trunkline: --open: whoever reaches this address may listen and connect\n$/);
  });

  test('goes on when nobody reads its lines any more', async () => {
    const { program, url } = await startCli();
    program.closeStdout();
    const tunnel = connectTunnel(url);
    // Each name is a line that cannot be written.
    for (let count = 0; count < 3; count++) await StreamServer(tunnel).listen(`name${count}`).close();
    tunnel.close();
    await tunnel.closed;
    program.kill('SIGTERM');
    expect(await program.exit).toEqual({ code: 0, signal: null });
    expect(program.stderr).toBe('');
  });
});

describe('told to stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s, without a grace it says GOING_AWAY to a client and ends with 0',
    async (signal) => {
      const { program, url } = await startCli('--grace', '0');
      const tunnel = connectTunnel(url, { resumeWindowMs: 0 });
      const listener = StreamServer(tunnel, (stream) => stream.resume().on('error', () => {})).listen('held');
      const lost: unknown[] = [];
      listener.on('error', (error) => lost.push(error.code));
      await listener.ready;
      const stream = StreamClient(tunnel).connect('held');
      stream.on('error', (error) => lost.push((error as { code?: string }).code));
      await stream.opened;

      program.kill(signal);
      expect(await tunnel.closed).toMatchObject({
        code: 'GOING_AWAY',
        message: 'the relay is closing',
        retryable: true,
      });
      expect(await program.exit).toEqual({ code: 0, signal: null });
      expect(lost).toEqual(['GOING_AWAY', 'GOING_AWAY']);
      expect(program.lines).toContain('destroyed held');
      expect(program.stderr).toBe('');
    },
  );

  test('twice in a blink, as npx does it for one Ctrl-C, it still closes in order', async () => {
    const { program, url } = await startCli('--grace', '0');
    const tunnel = connectTunnel(url, { resumeWindowMs: 0 });
    await tunnel.opened;
    program.kill('SIGINT');
    program.kill('SIGTERM');
    expect(await tunnel.closed).toMatchObject({ code: 'GOING_AWAY' });
    expect(await program.exit).toEqual({ code: 0, signal: null });
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('by %s, it ends with 0 once its clients have moved', async (signal) => {
    const { program, url } = await startCli();
    const clients = [await RawPeer.ready(url), await RawPeer.ready(url)];
    program.kill(signal);
    for (const client of clients) {
      const { code, graceMs, retryAfterMs } = await client.nextPayload(Type.GOAWAY);
      expect([code, graceMs]).toEqual(['GOING_AWAY', 10_000]);
      expect(retryAfterMs).toBeLessThanOrEqual(2_500);
      await client.close();
    }
    expect(await program.exit).toEqual({ code: 0, signal: null });
    expect(program.stderr).toBe('');
  });

  test('it ends those that stay when their grace is over', async () => {
    const { program, url } = await startCli('--grace', '1');
    const client = await RawPeer.ready(url);
    program.kill('SIGTERM');
    expect(await client.nextPayload(Type.GOAWAY)).toMatchObject({ code: 'GOING_AWAY', graceMs: 1000 });
    const last = await client.goaway();
    expect(last).toMatchObject({ code: 'GOING_AWAY', reason: 'the relay is closing' });
    expect(last).not.toHaveProperty('graceMs');
    expect(await program.exit).toEqual({ code: 0, signal: null });
  });

  test('idle HTTP connections do not hold it up', async () => {
    const { program, port } = await startCli();
    const idle = connect(port, '127.0.0.1');
    await once(idle, 'connect');
    const closed = once(idle, 'close');
    program.kill('SIGTERM');
    expect(await program.exit).toEqual({ code: 0, signal: null });
    idle.resume();
    await closed;
  });

  test('again and again while a client does not let go, it ends at once', async () => {
    const { program, port, url } = await startCli();
    const client = await frozenClient(port, new URL(url).pathname);
    const closed = once(client, 'close');
    // Insists until it is gone. The orderly end would come too, later, and with 0.
    const insist = setInterval(() => program.kill('SIGTERM'), 50);
    try {
      expect(await program.exit).toEqual({ code: 143, signal: null });
    } finally {
      clearInterval(insist);
      client.destroy();
      await closed;
    }
  });
});

/** Has upgraded, and then neither reads nor answers: the relay has to give it a moment before it cuts it off. */
async function frozenClient(port: number, path: string) {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(
    [
      `GET ${path} HTTP/1.1`,
      'Host: localhost',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      'Sec-WebSocket-Protocol: trunkline.1',
      '\r\n',
    ].join('\r\n'),
  );
  const [head] = await once(socket, 'data');
  expect(String(head)).toMatch(/^HTTP\/1\.1 101 /);
  socket.pause();
  return socket;
}
