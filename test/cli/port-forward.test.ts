/** `--tcp` on both sides: a TCP service behind a name, and a local port that leads to it. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { StreamClient } from '../../src/index.js';
import { listenOnFreePort } from '../support/free-port.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { readSeeded, seededReadable } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';
import { buildCli, CliProcess, runCli } from './cli-process.js';

checkLeaksAfterEach();
buildCli();

const MIB = 2 ** 20;
const services: { server: Server; sockets: Set<Socket> }[] = [];
const commands: CliProcess[] = [];
/** What the commands of a test must end with, as long as it says nothing else. */
afterEach(async () => {
  for (const { server, sockets } of services.splice(0)) {
    server.close();
    for (const socket of sockets) socket.destroy();
  }
  await Promise.all(commands.splice(0).map((command) => command.end()));
});

async function serve(onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket.on('error', () => {}));
    onSocket(socket);
  });
  services.push({ server, sockets });
  return await listenOnFreePort(server);
}

/** A relay, a listener that leads to the port, and a port that leads to the listener. */
async function forward(target: number) {
  const fixture = await startRelay();
  const env = { TRUNKLINE_RELAY: fixture.url };
  const listener = start(['listen', 'service', '--tcp', String(target)], env);
  await listener.prints(/^listening on service for 127\.0\.0\.1:\d+\n$/);
  const client = start(['connect', 'service', '--tcp', '0'], env);
  const [, port] = await client.prints(/^listening on 127\.0\.0\.1:(\d+)\n$/);
  return { fixture, env, listener, client, port: Number(port) };
}

function start(args: string[], env: Record<string, string>): CliProcess {
  const command = new CliProcess(args, { env });
  commands.push(command);
  return command;
}

function dial(port: number): Socket {
  return connect({ port, host: '127.0.0.1', allowHalfOpen: true });
}

test('a client sends, ends, and is answered afterwards', async () => {
  const target = await serve((socket) => {
    const request: Buffer[] = [];
    socket.on('data', (chunk) => request.push(chunk));
    socket.on('end', () => socket.end(`you said ${Buffer.concat(request)}`));
  });
  const { port } = await forward(target);
  const socket = dial(port);
  socket.end('hello');
  expect(await text(socket)).toBe('you said hello');
});

test('a server ends first, and hears the rest', async () => {
  const heard: Promise<string>[] = [];
  const target = await serve((socket) => {
    socket.end('220 ready');
    heard.push(text(socket));
  });
  const { port } = await forward(target);
  const socket = dial(port);
  socket.setEncoding('utf8');
  let greeting = '';
  socket.on('data', (chunk) => {
    greeting += chunk;
  });
  await once(socket, 'end');
  expect(greeting).toBe('220 ready');
  socket.end('bye');
  expect(await heard[0]).toBe('bye');
});

test('100 connections at once, each with its own bytes', async () => {
  const target = await serve((socket) => socket.pipe(socket));
  const { port, listener, client } = await forward(target);
  const read = await Promise.all(
    Array.from({ length: 100 }, async (_, seed) => {
      const socket = dial(port);
      const [answer] = await Promise.all([
        readSeeded(socket, seed),
        once(seededReadable(seed, 100_000 + seed).pipe(socket), 'finish'),
      ]);
      return answer.bytes;
    }),
  );
  expect(read).toEqual(Array.from({ length: 100 }, (_, seed) => 100_000 + seed));
  // With nothing left to do, a signal is the end that was wanted.
  for (const command of [client, listener]) {
    command.kill('SIGINT');
    expect(await command.exit).toBe(0);
    expect(command.stderr).toBe('');
  }
});

describe('a reset passes through', () => {
  test('from the client to the server', async () => {
    const errors: unknown[] = [];
    const target = await serve((socket) => {
      socket.write('x');
      socket.resume().on('error', ({ code }: NodeJS.ErrnoException) => errors.push(code));
    });
    const { port, client, listener } = await forward(target);
    const socket = dial(port);
    await once(socket, 'data');
    socket.resetAndDestroy();
    await until(() => errors.length > 0, 'the server to see the reset');
    expect(errors).toEqual(['ECONNRESET']);
    await client.says(/^trunkline: connection from 127\.0\.0\.1:\d+: ECONNRESET: read\n$/);
    await listener.says(/^trunkline: connection to 127\.0\.0\.1:\d+: CANCELED: read ECONNRESET \(ECONNRESET\)\n$/);
  });

  test('from the server to the client', async () => {
    const target = await serve((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const { port, client } = await forward(target);
    const socket = dial(port);
    socket.resume().write('x');
    const [error] = await once(socket, 'error');
    expect(error).toMatchObject({ code: 'ECONNRESET' });
    await client.says(/: CANCELED: read ECONNRESET \(ECONNRESET\)\n$/);
  });
});

test('a service that is not there refuses the client, with the code, and says so', async () => {
  const target = await serve(() => {});
  const { server } = services.pop()!;
  server.close();
  await once(server, 'close');
  const { port, env, fixture, listener, client } = await forward(target);
  expect(await runCli(['connect', 'service'], '', { env })).toEqual({
    code: 1,
    stdout: '',
    stderr: 'trunkline: REFUSED: the service behind this name cannot be reached (ECONNREFUSED)\n',
  });
  await listener.says(/^trunkline: connection to 127\.0\.0\.1:\d+: ECONNREFUSED: connect 127\.0\.0\.1:\d+\n$/);
  const socket = dial(port);
  expect((await once(socket.resume(), 'error'))[0]).toMatchObject({ code: 'ECONNRESET' });
  await client.says(/: REFUSED: the service .* \(ECONNREFUSED\)\n$/);

  // It goes on: once the service is there, it is reached.
  const again = createServer((one) => one.end('back'));
  services.push({ server: again, sockets: new Set() });
  await once(again.listen(target, '127.0.0.1'), 'listening');
  const stream = StreamClient(fixture.dial()).connect('service');
  stream.end();
  expect(await text(stream)).toBe('back');
});

test('a name that nobody has resets the connection, and the port stays', async () => {
  const fixture = await startRelay();
  const client = start(['connect', 'nobody', '--tcp', '0', '--quiet'], { TRUNKLINE_RELAY: fixture.url });
  const [, port] = await client.prints(/^listening on 127\.0\.0\.1:(\d+)\n$/);
  for (let count = 0; count < 2; count++) {
    const socket = dial(Number(port));
    expect((await once(socket.resume(), 'error'))[0]).toMatchObject({ code: 'ECONNRESET' });
  }
  expect(client.stderr).toBe('');
});

test('a signal resets what is open, at both ends, and is the exit code then', async () => {
  const errors: unknown[] = [];
  const target = await serve((socket) => {
    socket.pipe(socket);
    socket.on('error', ({ code }: NodeJS.ErrnoException) => errors.push(code));
  });
  const { port, client, listener } = await forward(target);
  const socket = dial(port);
  socket.write('x');
  await once(socket, 'data');
  const failed = once(socket, 'error');
  client.kill('SIGTERM');
  expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' });
  expect(await client.exit).toBe(143);
  await until(() => errors.length > 0, 'the server to see the reset');
  await listener.says(/ended by SIGTERM \(SIGTERM\)\n$/);
  listener.kill('SIGTERM');
  expect(await listener.exit).toBe(0);
});

test('a port that is in use, and a relay that is not there, are exit code 1', async () => {
  const fixture = await startRelay();
  const taken = await serve(() => {});
  expect(await runCli(['connect', 'x', '--tcp', String(taken), '--relay', fixture.url])).toEqual({
    code: 1,
    stdout: '',
    stderr: `trunkline: 127.0.0.1:${taken} is in use: choose another with --tcp (port 0 takes any free one)\n`,
  });
  for (const command of ['connect', 'listen']) {
    expect(await runCli([command, 'x', '--tcp', '1', '--relay', 'ws://127.0.0.1:1/'])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^trunkline: CONNECTION_LOST: [^\n]+\n$/),
    });
  }
});

test('a client that stops reading stops the server, and gets everything later', async () => {
  const [seed, length] = [9, 64 * MIB];
  let taken = 0;
  const target = await serve((socket) => {
    const source = seededReadable(seed, length).on('data', (chunk) => {
      taken += chunk.length;
    });
    source.pipe(socket.resume());
  });
  const { port, fixture } = await forward(target);
  const socket = dial(port);
  socket.end();
  // As much time as as many bytes take beside it.
  const beside = await fixture.pair('beside');
  beside.server.end(Buffer.alloc(length));
  beside.client.end();
  expect((await buffer(beside.client)).length).toBe(length);
  await buffer(beside.server);
  expect(taken).toBeGreaterThan(0);
  expect(taken).toBeLessThan(24 * MIB);
  expect((await readSeeded(socket, seed)).bytes).toBe(length);
});
