/** `trunkline listen` and `trunkline connect` as a pair of pipes, as processes, across a relay. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { StreamClient, type TunnelStream } from '../../src/index.js';
import type { Hello } from '../../src/protocol/frames.js';
import { decodeMessage } from '../support/decode-message.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { readSeeded, seededReadable, seededSha256 } from '../support/seeded-bytes.js';
import { deferred, until } from '../support/until.js';
import { buildCli, CliProcess, runCli } from './cli-process.js';

checkLeaksAfterEach();
buildCli();

const MIB = 2 ** 20;

/** A relay, and commands that meet at it. */
async function start() {
  const fixture = await startRelay();
  const env = { TRUNKLINE_RELAY: fixture.url };
  return {
    fixture,
    env,
    cli: (...args: string[]) => new CliProcess(args, { env }),
    run: (args: string[], input?: string) => runCli(args, input, { env }),
    /** A listener in this process; resolves with its first stream. */
    async first(name: string, options?: Parameters<typeof fixture.listen>[2]) {
      const stream = deferred<TunnelStream>();
      await fixture.listen(
        name,
        (one) => {
          // What goes wrong with it is looked at where it matters.
          one.on('error', () => {});
          stream.resolve(one);
        },
        options,
      );
      return { stream: stream.promise };
    },
  };
}

async function listening(cli: CliProcess): Promise<CliProcess> {
  await cli.says(/^trunkline: listening on \S+\n/m);
  return cli;
}

test('each direction ends by itself, and each command once both have', async () => {
  const { cli } = await start();
  const listener = await listening(cli('listen', 'chat'));
  const client = cli('connect', 'chat');
  client.stdin.end('question');
  // Its standard output ends while its standard input goes on.
  expect(String(await listener.output())).toBe('question');
  listener.stdin.end('answer');
  expect(String(await client.output())).toBe('answer');
  expect(await Promise.all([listener.exit, client.exit])).toEqual([0, 0]);
  expect(client.stderr).toBe('');
  expect(listener.stderr).toBe('trunkline: listening on chat\n');
});

test('the other way round: the listener ends first', async () => {
  const { cli } = await start();
  const listener = await listening(cli('listen', 'chat'));
  const client = cli('connect', 'chat');
  listener.stdin.end('welcome');
  expect(String(await client.output())).toBe('welcome');
  client.stdin.end('thanks');
  expect(String(await listener.output())).toBe('thanks');
  expect(await Promise.all([listener.exit, client.exit])).toEqual([0, 0]);
});

test('10 MiB of binary data, both ways at once', async () => {
  const { cli } = await start();
  const [there, back] = [1, 2];
  const listener = await listening(cli('listen', 'bulk'));
  const client = cli('connect', 'bulk');
  seededReadable(there, 10 * MIB).pipe(client.stdin);
  seededReadable(back, 10 * MIB).pipe(listener.stdin);
  const [atListener, atClient] = await Promise.all([
    readSeeded(listener.stdout, there),
    readSeeded(client.stdout, back),
  ]);
  expect(atListener.sha256).toBe(seededSha256(there, 10 * MIB));
  expect(atClient.sha256).toBe(seededSha256(back, 10 * MIB));
  expect(await Promise.all([listener.exit, client.exit])).toEqual([0, 0]);
});

test('--meta is shown to the other side, both ways', async () => {
  const { fixture, cli, first } = await start();
  const { stream } = await first('meta');
  const client = cli('connect', 'meta', '--meta', '{"user":"ann"}');
  client.stdin.end();
  expect((await stream).meta).toEqual({ user: 'ann' });
  (await stream).end();
  expect(await client.exit).toBe(0);

  const listener = await listening(cli('listen', 'other', '--meta', '[1,null]'));
  const other = StreamClient(fixture.dial()).connect('other');
  await other.opened;
  expect(other.meta).toEqual([1, null]);
  other.resume().end();
  listener.stdin.end();
  expect(await listener.exit).toBe(0);
});

test('--wait lets the client come first; without it NO_LISTENER is exit code 1', async () => {
  const { fixture, cli, run } = await start();
  expect(await run(['connect', 'late'])).toEqual({
    code: 1,
    stdout: '',
    stderr: 'trunkline: NO_LISTENER: nobody listens on late\n',
  });
  const client = cli('connect', 'late', '--wait', '60');
  client.stdin.end('early');
  await until(() => fixture.relay.stats().connects.pending === 1, 'the client waits', 30_000);
  const listener = cli('listen', 'late');
  listener.stdin.end();
  expect(String(await listener.output())).toBe('early');
  expect(await Promise.all([listener.exit, client.exit])).toEqual([0, 0]);
});

test('a second client is refused, with BUSY, and disturbs nobody', async () => {
  const { cli, run } = await start();
  const listener = await listening(cli('listen', 'busy'));
  const client = cli('connect', 'busy');
  client.stdin.write('x');
  await once(listener.stdout, 'readable');
  expect(await run(['connect', 'busy'])).toEqual({
    code: 1,
    stdout: '',
    stderr: 'trunkline: REFUSED: somebody else is connected (BUSY)\n',
  });
  client.stdin.end('y');
  listener.stdin.end('z');
  expect(String(await listener.output())).toBe('xy');
  expect(String(await client.output())).toBe('z');
  expect(await Promise.all([listener.exit, client.exit])).toEqual([0, 0]);
});

test('--many takes one client after the other, and 0 is its end by a signal', async () => {
  const { cli, run } = await start();
  const listener = await listening(cli('listen', 'log', '--many'));
  listener.stdin.end('to the first');
  expect(await run(['connect', 'log'], 'one ')).toMatchObject({ code: 0, stdout: 'to the first' });
  await listener.prints(/one /);
  for (const word of ['two ', 'three ']) {
    // The turn is over a moment after the other side knows that its own is.
    for (;;) {
      const { code, stderr } = await run(['connect', 'log'], word);
      if (code === 0) break;
      expect(stderr).toMatch(/BUSY/);
    }
  }
  await listener.prints(/^one two three $/);
  listener.kill('SIGTERM');
  expect(await listener.exit).toBe(0);
});

test('a name that another has is exit code 1, and so is a relay that is not there', async () => {
  const { run, first } = await start();
  await first('taken');
  expect(await run(['listen', 'taken'])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^trunkline: NAME_TAKEN: [^\n]+\n$/),
  });
  for (const command of ['listen', 'connect']) {
    expect(await run([command, 'taken', '--relay', 'ws://127.0.0.1:1/'])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^trunkline: CONNECTION_LOST: [^\n]*ECONNREFUSED[^\n]*\n$/),
    });
  }
});

test("the other side's refusal and its reset are exit code 1, on one line whatever they say", async () => {
  const { run, cli, first } = await start();
  await first('strict', { accept: () => ({ code: 'STRANGER', text: 'go\n\u001b[31maway' }) });
  expect(await run(['connect', 'strict'])).toEqual({
    code: 1,
    stdout: '',
    stderr: 'trunkline: REFUSED: go [31maway (STRANGER)\n',
  });
  const { stream } = await first('broken');
  const client = cli('connect', 'broken');
  (await stream).destroy(Object.assign(new Error('out of paper'), { code: 'PAPER' }));
  expect(await client.exit).toBe(1);
  expect(client.stderr).toBe('trunkline: CANCELED: out of paper (PAPER)\n');
});

test('--token is shown to the relay, and so is the variable', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tokenOf = async (args: string[], env: Record<string, string>): Promise<unknown> => {
    const client = runCli(['connect', 'x', '--relay', url, ...args], '', { env });
    const [socket] = await once(server, 'connection');
    const [message] = await once(socket, 'message');
    socket.close(4000, 'thanks');
    expect((await client).code).toBe(1);
    const [frame] = decodeMessage(message, MIB).frames;
    expect(frame).toMatchObject({ type: 'HELLO' });
    return (frame as { hello: Hello }).hello.token;
  };
  try {
    expect(await tokenOf(['--token', 'secret'], { TRUNKLINE_TOKEN: 'other' })).toBe('secret');
    expect(await tokenOf([], { TRUNKLINE_TOKEN: 'other' })).toBe('other');
    expect(await tokenOf([], {})).toBeUndefined();
  } finally {
    server.close();
  }
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s resets the stream, with that reason, and is the exit code',
  async (signal) => {
    const { fixture, cli, first } = await start();
    const number = signal === 'SIGINT' ? 130 : 143;
    const { stream } = await first('work');
    const client = cli('connect', 'work');
    client.stdin.write('half of it');
    const [error] = await Promise.all([
      stream.then((one) => once(one.resume(), 'error')),
      stream.then((one) => once(one, 'data').then(() => client.kill(signal))),
    ]);
    expect(error[0]).toMatchObject({ code: 'CANCELED', appCode: signal });
    expect(await client.exit).toBe(number);
    expect(client.stderr).toBe('');

    // The name is free at once: nobody waits for a command that has said goodbye.
    const listener = await listening(cli('listen', 'idle'));
    listener.kill(signal);
    expect(await listener.exit).toBe(number);
    await until(() => !fixture.relay.servers().includes('idle'), 'the name to be free');
  },
);

test('a reader that has seen enough ends it without a word', async () => {
  const { cli, first } = await start();
  const { stream } = await first('endless');
  const client = cli('connect', 'endless');
  const source = await stream;
  const failed = once(source, 'error');
  seededReadable(3, 64 * MIB).pipe(source);
  await once(client.stdout, 'readable');
  client.stdout.destroy();
  expect((await failed)[0]).toMatchObject({ code: 'CANCELED', appCode: 'SIGPIPE' });
  expect(await client.exit).toBe(141);
  expect(client.stderr).toBe('');
});

test.each([
  ['/dev/null', 'exec "$@" < /dev/null'],
  ['closed', 'exec "$@" <&-'],
])('standard input that is %s is an end', async (_what, shell) => {
  const { env, first } = await start();
  const { stream } = await first('sink');
  const client = new CliProcess(['connect', 'sink'], { env, shell });
  await once((await stream).resume(), 'end');
  (await stream).end('all the same');
  expect(String(await client.output())).toBe('all the same');
  expect(await client.exit).toBe(0);
});

test('standard input that cannot be read, and output that is full, are exit code 1', async () => {
  const { env, first } = await start();
  const client = new CliProcess(['connect', 'nobody'], { env, shell: 'exec "$@" < /' });
  expect(await client.exit).toBe(1);
  expect(client.stderr).toMatch(/^trunkline: EISDIR: [^\n]+\n$/);

  const { stream } = await first('full');
  const full = new CliProcess(['connect', 'full'], { env, shell: 'exec "$@" > /dev/full' });
  (await stream).end('too much');
  expect(await full.exit).toBe(1);
  expect(full.stderr).toMatch(/^trunkline: ENOSPC: [^\n]+\n$/);
});

test('whoever reads a pipe learns of the end at once, while standard input goes on', async () => {
  const { env, first } = await start();
  const { stream } = await first('pipe');
  const client = new CliProcess(['connect', 'pipe'], { env, shell: '"$@" | { cat; echo "end of output" >&2; }' });
  (await stream).resume().end('answer');
  await client.says(/^end of output\n$/);
  client.stdin.end();
  expect(String(await client.output())).toBe('answer');
  expect(await client.exit).toBe(0);
});

test('output into a file, behind what is there', async () => {
  const { env, first } = await start();
  const { stream } = await first('file');
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-'));
  try {
    writeFileSync(join(folder, 'out'), 'before ');
    const client = new CliProcess(['connect', 'file'], {
      env: { ...env, OUT: join(folder, 'out') },
      shell: 'exec "$@" >> "$OUT"',
    });
    client.stdin.end();
    (await stream).resume().end('after');
    expect(await client.exit).toBe(0);
    expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('before after');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a reader that stops, stops the one who writes into the other end', async () => {
  const { fixture, cli, first } = await start();
  const { stream } = await first('slow');
  const client = cli('connect', 'slow');
  const [seed, length] = [4, 64 * MIB];
  const source = seededReadable(seed, length);
  let taken = 0;
  source.on('data', (chunk) => {
    taken += chunk.length;
  });
  source.pipe(client.stdin);
  const sink = await stream;
  sink.end();
  // As much time as as many bytes take beside it.
  const beside = await fixture.pair('beside');
  seededReadable(5, length).pipe(beside.client);
  beside.server.end();
  await Promise.all([readSeeded(beside.server, 5), once(beside.client.resume(), 'end')]);
  expect(taken).toBeGreaterThan(0);
  expect(taken).toBeLessThan(16 * MIB);
  expect((await readSeeded(sink, seed)).bytes).toBe(length);
  expect(await client.exit).toBe(0);
});
