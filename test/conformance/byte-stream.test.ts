/** The rules of a byte stream: R149 to R153. The peer is written by hand. */
import { once } from 'node:events';
import { type Duplex, duplexPair } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { DialedTunnel } from '../../src/runtime/dialed-tunnel.js';
import { ByteStreamConnection } from '../../src/transport/byte-stream.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { until } from '../support/until.js';
import { carryByRelay, closeRelaysAfterEach } from './carried-relay.js';
import { loadVectors, parseBytes } from './vectors.js';
import { readMessage } from './wire.js';

checkLeaksAfterEach();
closeRelaysAfterEach();

const PREFACE = 'trunkline.1\n';
const hello = Buffer.from(parseBytes(loadVectors().hello, new Map()));
const ping = Buffer.from('00000000040000080102030405060708', 'hex');
const goaway = Buffer.concat([Buffer.from('0000000003000018', 'hex'), Buffer.from('{"code":"TUNNEL_CLOSED"}')]);

const streams: Duplex[] = [];
afterEach(() => {
  for (const stream of streams.splice(0)) stream.destroy();
});

function withLength(message: Uint8Array, length = message.length): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(length);
  return Buffer.concat([head, message]);
}

/** What the peer of a connection sees, taken apart by hand. */
class BarePeer {
  private bytes = Buffer.alloc(0);
  hasEnded = false;

  constructor(readonly stream: Duplex) {
    stream.on('data', (chunk: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, chunk]);
    });
    stream.on('end', () => {
      this.hasEnded = true;
    });
    stream.on('error', () => {});
  }

  get preface(): string {
    return this.bytes.subarray(0, PREFACE.length).toString();
  }

  /** The types of the frames of each whole message. */
  get messages(): string[][] {
    const messages: string[][] = [];
    for (let at = PREFACE.length; at + 4 <= this.bytes.length; ) {
      const end = at + 4 + this.bytes.readUInt32BE(at);
      if (end > this.bytes.length) break;
      messages.push(readMessage(this.bytes.subarray(at + 4, end)).map(({ type }) => type));
      at = end;
    }
    return messages;
  }
}

function connectToRelay() {
  const [near, far] = duplexPair() as [Duplex, Duplex];
  streams.push(near, far);
  const relay = carryByRelay(new ByteStreamConnection(far));
  return { peer: new BarePeer(near), relay };
}

async function welcomed() {
  const all = connectToRelay();
  all.peer.stream.write(PREFACE);
  all.peer.stream.write(withLength(hello));
  await until(() => all.peer.messages.length === 1, 'the answer to HELLO');
  expect(all.peer.messages).toEqual([['WELCOME']]);
  return all;
}

test('R149: both sides say what they speak, without waiting', async () => {
  const { peer } = connectToRelay();
  await until(() => peer.preface === PREFACE, 'the preface of an acceptor');
  expect(peer.messages).toEqual([]);
  const [near, far] = duplexPair() as [Duplex, Duplex];
  streams.push(near, far);
  const dialed = new BarePeer(near);
  const tunnel = new DialedTunnel([() => new ByteStreamConnection(far)], { resumeWindowMs: 0 });
  await until(() => dialed.messages.length === 1, 'what a dialer says at once');
  expect([dialed.preface, dialed.messages]).toEqual([PREFACE, [['HELLO']]]);
  tunnel.close();
  await tunnel.closed;
  await until(() => dialed.hasEnded, 'its end');
});

test.each(['GET /trunkline HTTP/1.1\r\n\r\n', 'trunkline.2\n', 'trunkline.1\r\n', ' trunkline.1\n'])(
  'R150: one that begins with %j gets the end, and nothing of it is dealt with',
  async (said) => {
    const { peer, relay } = connectToRelay();
    peer.stream.write(Buffer.concat([Buffer.from(said), withLength(hello)]));
    await once(peer.stream, 'end');
    expect([peer.preface, peer.messages]).toEqual([PREFACE, []]);
    peer.stream.end();
    await until(() => relay.stats().tunnels.active === 0, 'that it is let go of');
  },
);

test('R151: messages stand behind their length, however they arrive', async () => {
  const { peer } = connectToRelay();
  for (const byte of Buffer.concat([Buffer.from(PREFACE), withLength(hello)])) peer.stream.write(Buffer.of(byte));
  peer.stream.write(Buffer.concat([withLength(ping), withLength(Buffer.concat([ping, ping]))]));
  await until(() => peer.messages.flat().length === 4, 'all answers');
  expect(peer.messages.flat()).toEqual(['WELCOME', 'PONG', 'PONG', 'PONG']);
});

test('R152: a length of 0 is a breach', async () => {
  const { peer } = await welcomed();
  peer.stream.write(withLength(Buffer.alloc(0)));
  await once(peer.stream, 'end');
  expect(peer.messages.at(-1)).toEqual(['GOAWAY']);
});

test('R152: so is one above the limit, which is found out at the byte past it', async () => {
  const { peer } = await welcomed();
  // A frame that nobody knows, over and over: only the message is too long.
  const frames = Buffer.alloc(131_072, Buffer.from('000000007f000000', 'hex'));
  peer.stream.write(withLength(frames, 0xffff_ffff));
  await until(() => peer.stream.writableLength === 0, 'that all is read');
  expect(peer.messages).toHaveLength(1);
  peer.stream.write(ping.subarray(0, 1));
  await once(peer.stream, 'end');
  expect(peer.messages.at(-1)).toEqual(['GOAWAY']);
});

test('R153: who has said GOAWAY ends its direction behind it', async () => {
  const { peer, relay } = await welcomed();
  const closing = relay.close();
  await until(() => peer.hasEnded, 'the end');
  expect(peer.messages.at(-1)).toEqual(['GOAWAY']);
  peer.stream.end();
  await closing;
});

test('R153: who receives GOAWAY, too, and says none back', async () => {
  const { peer } = await welcomed();
  peer.stream.write(withLength(goaway));
  await until(() => peer.hasEnded, 'the end');
  expect(peer.messages).toEqual([['WELCOME']]);
});

test('R153: an end without a word is answered by the end', async () => {
  const { peer, relay } = await welcomed();
  peer.stream.end();
  await until(() => peer.hasEnded, 'the end');
  expect(peer.messages).toEqual([['WELCOME']]);
  await until(() => relay.stats().tunnels.active === 0, 'that it is let go of');
});
