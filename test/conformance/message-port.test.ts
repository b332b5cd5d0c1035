/** The rules of a message port: R154 to R159. The peer is written by hand. */
import { once } from 'node:events';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { DialedTunnel } from '../../src/runtime/dialed-tunnel.js';
import { MessagePortConnection, type PortLike } from '../../src/transport/message-port.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { until } from '../support/until.js';
import { carryByRelay, closeRelaysAfterEach } from './carried-relay.js';
import { loadVectors, parseBytes } from './vectors.js';
import { readMessage } from './wire.js';

checkLeaksAfterEach();
closeRelaysAfterEach();

const GREETING = 'trunkline.1';
const WINDOW_BYTES = 262_144;
const hello = parseBytes(loadVectors().hello, new Map());
const goaway = Buffer.concat([Buffer.from('0000000003000018', 'hex'), Buffer.from('{"code":"TUNNEL_CLOSED"}')]);

const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

/** The bare end of a port: what came out of it, with messages as the types of their frames, or as `read` shows them. */
function bareEnd(read: (message: Uint8Array) => unknown = readTypes): {
  other: PortLike;
  port: MessagePort;
  posted: unknown[];
} {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1);
  const posted: unknown[] = [];
  port1.on('message', (data: unknown) => posted.push(data instanceof Uint8Array ? read(data) : data));
  return { other: port2, port: port1, posted };
}

function readTypes(message: Uint8Array): string[] {
  return readMessage(message).map(({ type }) => type);
}

function connectToRelay() {
  const { other, port, posted } = bareEnd();
  return { relay: carryByRelay(new MessagePortConnection(other)), port, posted };
}

async function welcomed() {
  const all = connectToRelay();
  all.port.postMessage(GREETING);
  all.port.postMessage(hello);
  await until(() => all.posted.length === 3, 'the answer to HELLO');
  expect(all.posted.splice(0)).toEqual([GREETING, GREETING, ['WELCOME']]);
  return all;
}

test('R154: both sides say what they speak, and again when the other one has', async () => {
  const { posted, port } = connectToRelay();
  await until(() => posted.length === 1, 'the greeting of an acceptor');
  port.postMessage(GREETING);
  port.postMessage(GREETING);
  port.postMessage(hello);
  await until(() => posted.length === 3, 'what follows');
  expect(posted).toEqual([GREETING, GREETING, ['WELCOME']]);
  const bare = bareEnd();
  const tunnel = new DialedTunnel([() => new MessagePortConnection(bare.other)], { resumeWindowMs: 0 });
  await until(() => bare.posted.length === 1, 'the greeting of a dialer');
  bare.port.postMessage(GREETING);
  await until(() => bare.posted.length === 3, 'what follows');
  expect(bare.posted).toEqual([GREETING, GREETING, ['HELLO']]);
  tunnel.close();
  await tunnel.closed;
  bare.port.postMessage(null);
  await until(() => bare.posted.at(-1) === null, 'its end');
});

test('R155: each message is one Uint8Array, with a buffer of its own', async () => {
  const { port, posted } = connectToRelay();
  const messages: Uint8Array[] = [];
  port.on('message', (data: unknown) => {
    if (data instanceof Uint8Array) messages.push(data);
  });
  port.postMessage(GREETING);
  port.postMessage(hello);
  await until(() => posted.length === 3, 'WELCOME');
  expect(messages).toHaveLength(1);
  expect(messages[0]!.buffer.byteLength).toBe(messages[0]!.length);
});

/** Of a type that nobody knows, to be skipped. */
function fillerOf(bytes: number): Uint8Array {
  return new Uint8Array(Buffer.alloc(bytes, Buffer.from('000000007f000000', 'hex')));
}

test('R156: what was taken is told, a quarter of what may wait at a time', async () => {
  const { port, posted } = await welcomed();
  const firstBytes = 65_536 - hello.length - ((65_536 - hello.length) % 8);
  port.postMessage(fillerOf(firstBytes - 8));
  port.postMessage(fillerOf(16));
  port.postMessage(fillerOf(65_536));
  await until(() => posted.length === 2, 'both');
  const first = hello.length + firstBytes + 8;
  expect(first - 65_536).toBeLessThan(16);
  expect(posted).toEqual([first, first + 65_536]);
});

test('R157: nothing is sent past what may wait, but for the last word', async () => {
  const bare = bareEnd((message) => message.length);
  const connection = new MessagePortConnection(bare.other);
  const closed = new Promise((resolve) => {
    connection.start({
      writable() {
        while (connection.isWritable) connection.send([fillerOf(60_000)]);
      },
      received() {},
      text() {},
      closed: resolve,
    });
  });
  bare.port.postMessage(GREETING);
  const filled = Array.from({ length: Math.ceil(WINDOW_BYTES / 60_000) }, () => 60_000);
  await until(() => bare.posted.length === 2 + filled.length, 'what may wait');
  connection.send([goaway]);
  connection.close();
  await until(() => bare.posted.at(-1) === null, 'the end');
  expect(bare.posted).toEqual([GREETING, GREETING, ...filled, goaway.length, null]);
  bare.port.postMessage(null);
  await closed;
});

test('R158: the end is said behind GOAWAY', async () => {
  const { relay, port, posted } = await welcomed();
  const closing = relay.close();
  await until(() => posted.length === 2, 'the end');
  expect(posted).toEqual([['GOAWAY'], null]);
  const closed = once(port, 'close');
  port.postMessage(null);
  await Promise.all([closing, closed]);
  expect(posted).toHaveLength(2);
});

test('R158: and in answer to GOAWAY, or to the end itself', async () => {
  const told = await welcomed();
  told.port.postMessage(goaway);
  await until(() => told.posted.length === 1, 'the end');
  expect(told.posted).toEqual([null]);
  told.port.postMessage(null);
  const untold = await welcomed();
  untold.port.postMessage(null);
  await until(() => untold.posted.length === 1, 'the end');
  expect(untold.posted).toEqual([null]);
});

test.each([
  ['a text', 'hello'],
  ['an object', {}],
  ['a buffer', new ArrayBuffer(8)],
  ['a number out of nowhere', 1e9],
  ['a negative number', -1],
])('R159: %s ends the connection, and the other side is told', async (_what, data) => {
  const { relay, port, posted } = await welcomed();
  port.postMessage(data);
  await until(() => posted.length === 1, 'the end');
  expect(posted).toEqual([null]);
  await until(() => relay.stats().tunnels.active === 0, 'that it is let go of');
});

test('R159: so does a number that says less than the one before', async () => {
  const { port, posted } = await welcomed();
  port.postMessage(20);
  port.postMessage(10);
  await until(() => posted.length === 1, 'the end');
  expect(posted).toEqual([null]);
});
