import { once } from 'node:events';
import { request } from 'node:http';
import { connect as tcpConnect } from 'node:net';
import { finished } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { StreamClient, type TunnelStream } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { frame, hello, newUid, offsets, open, RawPeer, Type } from '../support/raw-peer.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { readSeeded, writeSeeded } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

const KIB = 1024;

/** Runs `misbehave` in the middle of an honest stream, which must arrive whole, and then opens another one. */
async function besideHonest<T>(fixture: RelayFixture, misbehave: () => Promise<T>): Promise<T> {
  const { client, server } = await fixture.pair('HONEST');
  const [there, back] = [readSeeded(server, 1), readSeeded(client, 2)];
  await writeSeeded(client, 1, 300 * KIB, { end: false });
  const [result] = await Promise.all([misbehave(), writeSeeded(server, 2, 600 * KIB)]);
  // The first part was random sizes of the same seeded sequence; the rest follows where it stopped.
  client.end();
  expect(await there).toMatchObject({ bytes: 300 * KIB });
  expect(await back).toMatchObject({ bytes: 600 * KIB });
  await Promise.all([finished(client), finished(server)]);
  await expectAlive(fixture);
  return result;
}

async function expectAlive(fixture: RelayFixture): Promise<void> {
  const { client, server } = await fixture.pair('STILL-ALIVE');
  server.end('yes');
  client.end();
  server.resume();
  const [answer] = (await once(client, 'data')) as [Buffer];
  expect(answer.toString()).toBe('yes');
  await Promise.all([finished(client), finished(server)]);
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const listen = (id: number, name = 'RAW'): Buffer => open(id, { kind: 'listen', name });
const connect = (id: number, name = 'RAW', fields: object = {}): Buffer => open(id, { kind: 'connect', name }, fields);
const PROGRESS = { epoch: 1, received: 0, ended: false, proof: 'guessed' };
const resume = (id: number, target: object = {}, fields: object = { resume: PROGRESS }): Buffer =>
  open(id, { kind: 'resume', endpoint: 'nobody', ...target }, fields);

function withLength(bytes: Buffer, length: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUIntBE(length, 5, 3);
  return copy;
}

interface Breach {
  what: string;
  bytes: Buffer[];
  code: string;
}

const AFTER_HANDSHAKE: Breach[] = [
  { what: 'an empty message', bytes: [Buffer.alloc(0)], code: 'PROTOCOL' },
  { what: 'a truncated header', bytes: [Buffer.from([0, 0, 0, 1, 0x20])], code: 'PROTOCOL' },
  { what: 'a truncated frame', bytes: [withLength(frame(1, Type.DATA, Buffer.alloc(5)), 6)], code: 'PROTOCOL' },
  { what: 'an oversize frame', bytes: [listen(1), frame(1, Type.DATA, Buffer.alloc(65_537))], code: 'PROTOCOL' },
  { what: 'an oversize control frame', bytes: [frame(1, Type.OPEN, Buffer.alloc(16_385, 32))], code: 'PROTOCOL' },
  { what: 'an OPEN with an even id', bytes: [connect(2)], code: 'PROTOCOL' },
  { what: 'an OPEN with id 0', bytes: [connect(0)], code: 'PROTOCOL' },
  { what: 'a reused id', bytes: [listen(1), listen(1, 'OTHER')], code: 'PROTOCOL' },
  { what: 'an id lower than the last', bytes: [listen(5), listen(3, 'OTHER')], code: 'PROTOCOL' },
  { what: 'a second HELLO', bytes: [hello()], code: 'PROTOCOL' },
  { what: 'a WELCOME', bytes: [frame(0, Type.WELCOME, welcome())], code: 'PROTOCOL' },
  { what: 'a frame for a stream that never was', bytes: [frame(7, Type.DATA, Buffer.from('x'))], code: 'PROTOCOL' },
  { what: 'DATA on a listen stream', bytes: [listen(1), frame(1, Type.DATA, Buffer.from('x'))], code: 'PROTOCOL' },
  { what: 'an OFFER to the relay', bytes: [listen(1), frame(1, Type.OFFER, offer())], code: 'PROTOCOL' },
  { what: 'an OPEN that is not JSON', bytes: [frame(1, Type.OPEN, Buffer.from('{'))], code: 'PROTOCOL' },
  {
    what: 'an OPEN that is not UTF-8',
    bytes: [frame(1, Type.OPEN, Buffer.from([0x22, 0xff, 0x22]))],
    code: 'PROTOCOL',
  },
  { what: 'an OPEN that is an array', bytes: [frame(1, Type.OPEN, json([]))], code: 'PROTOCOL' },
  { what: 'an unknown target', bytes: [open(1, { kind: 'proxy', host: 'example.org' })], code: 'PROTOCOL' },
  { what: 'an OPEN without a uid', bytes: [open(1, { kind: 'plain' }, { uid: undefined })], code: 'PROTOCOL' },
  { what: 'a notice', bytes: [frame(0, Type.GOAWAY, { code: 'GOING_AWAY', graceMs: 1000 })], code: 'PROTOCOL' },
  {
    what: 'DATA before the answer to a re-open',
    bytes: [resume(1, { waitMs: 60_000 }), frame(1, Type.DATA, Buffer.from('x'))],
    code: 'PROTOCOL',
  },
  { what: 'CLOSE on a listen stream that has not ended', bytes: [listen(1), frame(1, Type.CLOSE)], code: 'PROTOCOL' },
  { what: 'a PING of 7 bytes', bytes: [frame(0, Type.PING, Buffer.alloc(7))], code: 'PROTOCOL' },
  { what: 'a CREDIT past 2^53', bytes: [listen(1), frame(1, Type.CREDIT, Buffer.alloc(16, 0xff))], code: 'PROTOCOL' },
];

function welcome(): object {
  return { version: 1, limits: {}, heartbeat: { intervalMs: 1000, timeoutMs: 1000 }, relayId: 'x' };
}

function offer(): object {
  return { id: newUid(), uid: newUid(), name: 'RAW', meta: null };
}

describe('a breach after the handshake', () => {
  it.each(AFTER_HANDSHAKE)('$what: GOAWAY $code, and nobody else notices', async ({ bytes, code }) => {
    const fixture = await startRelay();
    const { reason } = await besideHonest(fixture, async () => {
      const raw = await RawPeer.ready(fixture.url);
      for (const message of bytes) raw.send(message);
      const goaway = await raw.goaway();
      expect(goaway.code).toBe(code);
      return goaway;
    });
    expect(reason).not.toBe('');
  });

  it('a text message: GOAWAY PROTOCOL', async () => {
    const fixture = await startRelay();
    await besideHonest(fixture, async () => {
      const raw = await RawPeer.ready(fixture.url);
      raw.sendText('{"type":"hello"}');
      expect(await raw.goaway()).toMatchObject({ code: 'PROTOCOL' });
    });
  });

  it('PINGs of a peer that does not read: GOAWAY LIMIT_RATE, before they fill memory', async () => {
    const fixture = await startRelay();
    await besideHonest(fixture, async () => {
      const raw = await RawPeer.ready(fixture.url);
      const { closed } = fixture.relay.stats().tunnels;
      const pings = Buffer.concat(Array(5000).fill(frame(0, Type.PING, Buffer.alloc(8))));
      raw.socket.pause();
      await until(() => {
        if (raw.socket.bufferedAmount < pings.length) raw.send(pings);
        return fixture.relay.stats().tunnels.closed > closed;
      }, 'the end of the flood');
      raw.socket.resume();
      expect(await raw.goaway()).toMatchObject({ code: 'LIMIT_RATE' });
    });
  });

  it('an oversize message: GOAWAY PROTOCOL', async () => {
    const fixture = await startRelay();
    await besideHonest(fixture, async () => {
      const raw = await RawPeer.ready(fixture.url);
      raw.send(Buffer.alloc(128 * KIB + 1));
      expect(await raw.goaway()).toMatchObject({ code: 'PROTOCOL' });
    });
  });

  it('frames before the breach in the same message still count', async () => {
    const fixture = await startRelay();
    const names: string[] = [];
    fixture.relay.on('server.created', (name) => names.push(`+${name}`));
    fixture.relay.on('server.destroyed', (name) => names.push(`-${name}`));
    const raw = await RawPeer.ready(fixture.url);
    raw.send(listen(1), frame(9, Type.END, offsets(0)));
    expect(await raw.goaway()).toMatchObject({ code: 'PROTOCOL' });
    expect(names).toEqual(['+RAW', '-RAW']);
  });
});

describe('a breach on a pending connect', () => {
  it.each([
    {
      what: 'more early data than allowed',
      code: 'FLOW_CONTROL',
      frames: [frame(1, Type.DATA, Buffer.alloc(16 * KIB + 1))],
    },
    { what: 'a forged END_ACK', code: 'PROTOCOL', frames: [frame(1, Type.END_ACK)] },
    { what: 'CREDIT before ACCEPT', code: 'PROTOCOL', frames: [frame(1, Type.CREDIT, offsets(0, 1000))] },
    { what: 'ACCEPT by the opener', code: 'PROTOCOL', frames: [frame(1, Type.ACCEPT, { credit: 0, meta: null })] },
    { what: 'an END that miscounts', code: 'PROTOCOL', frames: [frame(1, Type.END, offsets(1))] },
    { what: 'CLOSE', code: 'PROTOCOL', frames: [frame(1, Type.CLOSE)] },
    {
      what: 'DATA after END',
      code: 'PROTOCOL',
      frames: [frame(1, Type.END, offsets(0)), frame(1, Type.DATA, Buffer.from('x'))],
    },
  ])('$what: GOAWAY $code, the listener is left alone', async ({ frames, code }) => {
    const fixture = await startRelay();
    const seen: TunnelStream[] = [];
    // The hook never answers, so the connect stays pending.
    await fixture.listen('PATIENT', (stream) => seen.push(stream), { accept: () => new Promise(() => {}) });
    await besideHonest(fixture, async () => {
      const raw = await RawPeer.ready(fixture.url);
      raw.send(connect(1, 'PATIENT'));
      raw.send(...frames);
      expect((await raw.goaway()).code).toBe(code);
    });
    expect(seen).toEqual([]);
    expect(fixture.relay.stats().connects).toMatchObject({ pending: 0, canceled: 1 });
  });
});

describe('a breach on a joined stream', () => {
  it.each([
    {
      what: 'bytes past the credit',
      code: 'FLOW_CONTROL',
      frames: (credit: number) => chunks(credit + 1).map((size) => frame(1, Type.DATA, Buffer.alloc(size))),
    },
    { what: 'a forged END_ACK', code: 'PROTOCOL', frames: () => [frame(1, Type.END_ACK)] },
    { what: 'consumption of bytes never sent', code: 'PROTOCOL', frames: () => [frame(1, Type.CREDIT, offsets(1, 9))] },
    {
      what: 'a second END',
      code: 'PROTOCOL',
      frames: () => [frame(1, Type.END, offsets(0)), frame(1, Type.END, offsets(0))],
    },
    { what: 'CLOSE before the end', code: 'PROTOCOL', frames: () => [frame(1, Type.CLOSE)] },
    {
      what: 'REFUSE on it',
      code: 'PROTOCOL',
      frames: () => [frame(1, Type.REFUSE, { id: newUid(), code: 'REFUSED' })],
    },
  ])('$what: GOAWAY $code; its partner gets CONNECTION_LOST, nobody else anything', async ({ frames, code }) => {
    const fixture = await startRelay();
    const accepted: TunnelStream[] = [];
    const errors: unknown[] = [];
    await fixture.listen('TARGET', (stream) => {
      accepted.push(stream);
      stream.on('error', (error) => errors.push(error));
    });
    await besideHonest(fixture, async () => {
      const raw = await RawPeer.ready(fixture.url);
      raw.send(connect(1, 'TARGET'));
      const { credit } = (await raw.nextPayload(Type.ACCEPT)) as { credit: number };
      for (const bytes of frames(credit)) raw.send(bytes);
      expect((await raw.goaway()).code).toBe(code);
    });
    expect(errors).toMatchObject([{ code: 'CONNECTION_LOST' }]);
    expect(accepted[0]!.readableEnded).toBe(false);
  });
});

function chunks(total: number): number[] {
  const sizes: number[] = [];
  for (let left = total; left > 0; left -= 64 * KIB) sizes.push(Math.min(left, 64 * KIB));
  return sizes;
}

describe('a breach of the handshake', () => {
  it.each([
    { what: 'an unknown version', bytes: hello({ version: 2 }) },
    { what: 'version 0', bytes: hello({ version: 0 }) },
    { what: 'no version', bytes: hello({ version: undefined }) },
    { what: 'a token that is no string', bytes: hello({ token: 7 }) },
    { what: 'a limit out of range', bytes: hello({ limits: { maxFrameBytes: 1 } }) },
    { what: 'an OPEN first', bytes: connect(1) },
    { what: 'a PING first', bytes: frame(0, Type.PING, Buffer.alloc(8)) },
    { what: 'garbage', bytes: Buffer.from('GET / HTTP/1.1\r\n\r\n') },
    { what: 'more garbage', bytes: Buffer.alloc(3000, 0xa5) },
  ])('$what: GOAWAY PROTOCOL', async ({ bytes }) => {
    const fixture = await startRelay();
    await besideHonest(fixture, async () => {
      const raw = await RawPeer.dial(fixture.url);
      raw.send(bytes);
      expect(await raw.goaway()).toMatchObject({ code: 'PROTOCOL' });
    });
  });

  it('a text message first: GOAWAY PROTOCOL', async () => {
    const fixture = await startRelay();
    const raw = await RawPeer.dial(fixture.url);
    raw.sendText('hello');
    expect(await raw.goaway()).toMatchObject({ code: 'PROTOCOL' });
  });

  it('silence: GOAWAY HANDSHAKE_TIMEOUT, which says that trying again may help', async () => {
    const fixture = await startRelay({ handshakeTimeoutMs: 300 });
    const raw = await RawPeer.dial(fixture.url);
    expect(await raw.goaway()).toMatchObject({ code: 'HANDSHAKE_TIMEOUT' });
    await expectAlive(fixture);
  });

  it('no subprotocol, or another one: 400 before there is a WebSocket', async () => {
    const fixture = await startRelay();
    for (const protocols of [[], ['mqtt'], ['trunkline.2']]) {
      const socket = new WebSocket(fixture.url, protocols);
      const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
      expect(response.statusCode).toBe(400);
      socket.on('error', () => {});
      socket.terminate();
    }
    expect(fixture.relay.stats().tunnels.opened).toBe(0);
    await expectAlive(fixture);
  });

  it('an upgrade that is no WebSocket: 4xx', async () => {
    const fixture = await startRelay();
    const { port, hostname, pathname } = new URL(fixture.url);
    const headers = { Connection: 'Upgrade', Upgrade: 'h2c', 'Sec-WebSocket-Protocol': 'trunkline.1' };
    const outgoing = request({ port, hostname, path: pathname, headers }).end();
    const [response] = (await once(outgoing, 'response')) as [{ statusCode: number; resume(): void }];
    response.resume();
    expect(response.statusCode).toBe(400);
    await expectAlive(fixture);
  });

  it('a socket that is cut in the middle of the upgrade, or of a WebSocket frame', async () => {
    const fixture = await startRelay();
    const { port, hostname, pathname } = new URL(fixture.url);
    const half = tcpConnect(Number(port), hostname);
    half.write(`GET ${pathname} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n`);
    await once(half, 'connect');
    half.resetAndDestroy();
    await besideHonest(fixture, async () => {
      const raw = await RawPeer.ready(fixture.url);
      const socket = (raw.socket as unknown as { _socket: import('node:net').Socket })._socket;
      socket.write(Buffer.from([0x82, 0xfe, 0x10]));
      socket.resetAndDestroy();
      await raw.closed;
    });
  });
});

describe('what is refused on its own stream, while the connection goes on', () => {
  const cases = [
    { what: 'a name that is none', bytes: connect(1, 'no spaces'), code: 'BAD_NAME' },
    { what: 'an empty name', bytes: listen(1, ''), code: 'BAD_NAME' },
    { what: 'a name of 129', bytes: listen(1, 'x'.repeat(129)), code: 'BAD_NAME' },
    { what: 'nobody listening', bytes: connect(1, 'NOBODY'), code: 'NO_LISTENER' },
    { what: 'a meta too large', bytes: connect(1, 'X', { meta: 'x'.repeat(8 * KIB) }), code: 'LIMIT_BYTES' },
    { what: 'a meta too deep', bytes: connect(1, 'X', { meta: nested(70) }), code: 'LIMIT_BYTES' },
    { what: 'a stream to the relay itself', bytes: open(1, { kind: 'plain' }), code: 'FORBIDDEN' },
    { what: 'a stream at an endpoint that is not here', bytes: resume(1), code: 'RESUME_EXPIRED' },
    { what: 'a re-open that says not from where', bytes: resume(1, {}, {}), code: 'RESUME_UNKNOWN' },
    { what: 'an offer id that was guessed', bytes: open(1, { kind: 'accept', offerId: newUid() }), code: 'CANCELED' },
  ];

  it.each(cases)('$what: RESET $code', async ({ bytes, code }) => {
    const fixture = await startRelay();
    const raw = await RawPeer.ready(fixture.url);
    raw.send(bytes);
    expect(await raw.nextPayload(Type.RESET)).toMatchObject({ code });
    raw.send(frame(0, Type.PING, Buffer.from('stillher')));
    expect((await raw.next(Type.PONG)).payload.toString()).toBe('stillher');
    await raw.close();
  });

  it('a frame of a type that is not known yet is skipped', async () => {
    const fixture = await startRelay();
    const raw = await RawPeer.ready(fixture.url);
    raw.send(frame(0, 0x6f, Buffer.from('the future')), frame(3, 0x70), frame(0, Type.PING, Buffer.alloc(8)));
    await raw.next(Type.PONG);
    await raw.close();
  });

  it('late frames for a stream that was reset are ignored', async () => {
    const fixture = await startRelay();
    const raw = await RawPeer.ready(fixture.url);
    raw.send(connect(1, 'NOBODY'));
    await raw.next(Type.RESET);
    raw.send(
      frame(1, Type.DATA, Buffer.alloc(100)),
      frame(1, Type.END, offsets(100)),
      frame(1, Type.RESET, { code: 'CANCELED' }),
    );
    raw.send(frame(0, Type.PING, Buffer.alloc(8)));
    await raw.next(Type.PONG);
    await raw.close();
  });

  function nested(levels: number): unknown {
    return levels === 0 ? 0 : [nested(levels - 1)];
  }
});

describe('offer ids', () => {
  it('foreign, used, answered for another stream, or guessed: one and the same answer', async () => {
    const fixture = await startRelay();
    const holder = await RawPeer.ready(fixture.url);
    const thief = await RawPeer.ready(fixture.url);
    holder.send(listen(1, 'HELD'));
    await holder.next(Type.ACCEPT);
    const client = StreamClient(fixture.dial()).connect('HELD');
    client.on('error', () => {});
    const { id: offerId, uid } = await holder.nextPayload(Type.OFFER);

    const answers: object[] = [];
    const tryIt = async (peer: RawPeer, id: number, fields: { offerId: unknown; uid: unknown }): Promise<void> => {
      peer.send(open(id, { kind: 'accept', offerId: fields.offerId }, { uid: fields.uid }));
      answers.push(await peer.nextPayload(Type.RESET));
    };
    await tryIt(thief, 1, { offerId, uid });
    await tryIt(thief, 3, { offerId: newUid(), uid: newUid() });
    await tryIt(holder, 3, { offerId, uid: newUid() });
    holder.send(open(5, { kind: 'accept', offerId }, { uid }));
    await holder.next(Type.ACCEPT);
    await client.opened;
    await tryIt(holder, 7, { offerId, uid });

    expect(answers).toHaveLength(4);
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toMatchObject({ code: 'CANCELED' });
    client.destroy();
    await Promise.all([holder.close(), thief.close()]);
  });

  it('a REFUSE by somebody else than the holder changes nothing', async () => {
    const fixture = await startRelay();
    const [holder, thief] = [await RawPeer.ready(fixture.url), await RawPeer.ready(fixture.url)];
    holder.send(listen(1, 'HELD'));
    thief.send(listen(1, 'OTHER'));
    await Promise.all([holder.next(Type.ACCEPT), thief.next(Type.ACCEPT)]);
    const client = StreamClient(fixture.dial()).connect('HELD');
    client.on('error', () => {});
    const { id, uid } = await holder.nextPayload(Type.OFFER);
    thief.send(
      frame(1, Type.REFUSE, { id, code: 'REFUSED', reason: 'says the thief' }),
      frame(0, Type.PING, Buffer.alloc(8)),
    );
    await thief.next(Type.PONG);
    expect(fixture.relay.stats().connects.pending).toBe(1);
    holder.send(open(3, { kind: 'accept', offerId: id }, { uid }));
    await client.opened;
    client.destroy();
    await Promise.all([holder.close(), thief.close()]);
  });
});
