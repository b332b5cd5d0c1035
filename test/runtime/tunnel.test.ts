import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { connectTunnel, type Tunnel, type TunnelStream } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { frame, newUid, offsets, open, Type } from '../support/raw-peer.js';

checkLeaksAfterEach();

/** A tunnel to a peer that is written by hand, after the handshake. */
async function dialByHand(): Promise<{
  tunnel: Tunnel;
  peer: WebSocket;
  next: () => Promise<Buffer>;
  end: () => Promise<void>;
}> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'trunkline.1' });
  await once(server, 'listening');
  const tunnel = connectTunnel(`ws://127.0.0.1:${(server.address() as { port: number }).port}`);
  const [peer] = (await once(server, 'connection')) as [WebSocket];
  const inbox: Buffer[] = [];
  let wake = (): void => {};
  peer.on('message', (message: Buffer) => {
    for (let at = 0; at < message.length; ) {
      const end = at + 8 + message.readUIntBE(at + 5, 3);
      inbox.push(message.subarray(at, end));
      at = end;
    }
    wake();
  });
  const next = async (): Promise<Buffer> => {
    while (inbox.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return inbox.shift()!;
  };
  expect((await next()).readUInt8(4)).toBe(Type.HELLO);
  const heartbeat = { intervalMs: 10_000, timeoutMs: 10_000 };
  peer.send(frame(0, Type.WELCOME, { version: 1, limits: {}, heartbeat, relayId: 'by-hand' }));
  await tunnel.opened;
  const end = async (): Promise<void> => {
    tunnel.close();
    await tunnel.closed;
    await new Promise((resolve) => server.close(resolve));
  };
  return { tunnel, peer, next, end };
}

const json = (bytes: Buffer): unknown => JSON.parse(bytes.subarray(8).toString());

describe('a stream that the peer opens', () => {
  it("comes by 'stream', with uid, meta and what was sent early, and answers", async () => {
    const { tunnel, peer, next, end } = await dialByHand();
    const incoming = once(tunnel, 'stream') as Promise<[TunnelStream]>;
    const uid = newUid();
    peer.send(
      Buffer.concat([
        open(2, { kind: 'plain' }, { uid, meta: { from: 'peer' }, credit: 5 }),
        frame(2, Type.DATA, Buffer.from('early')),
        frame(2, Type.END, offsets(5)),
      ]),
    );
    const [stream] = await incoming;
    expect(stream).toMatchObject({ uid, meta: { from: 'peer' }, name: undefined });
    await stream.opened;
    stream.end('hello world');
    const accept = await next();
    expect([accept.readUInt32BE(0), accept.readUInt8(4)]).toEqual([2, Type.ACCEPT]);
    expect(json(accept)).toMatchObject({ credit: 256 * 1024, meta: null });
    const [early] = (await once(stream, 'data')) as [Buffer];
    expect(early.toString()).toBe('early');
    expect((await next()).readUInt8(4)).toBe(Type.END_ACK);

    const data = await next();
    expect(data.readUInt8(4) & 0x80, 'the credit is used up').toBe(0x80);
    expect(data.subarray(8).toString()).toBe('hello');
    peer.send(frame(2, Type.CREDIT, offsets(5, 100)));
    expect((await next()).subarray(8).toString()).toBe(' world');
    expect((await next()).equals(frame(2, Type.END, offsets(11)))).toBe(true);
    expect(stream.writableFinished).toBe(false);
    const finished = once(stream, 'finish');
    peer.send(frame(2, Type.END_ACK));
    await finished;
    await end();
  });

  it('is REFUSED where nobody takes streams', async () => {
    const { peer, next, end } = await dialByHand();
    peer.send(open(2, { kind: 'plain' }));
    const reset = await next();
    expect([reset.readUInt32BE(0), reset.readUInt8(4)]).toEqual([2, Type.RESET]);
    expect(json(reset)).toMatchObject({ code: 'REFUSED' });
    await end();
  });

  it.each(['connect', 'listen', 'accept'])('with the target %s is FORBIDDEN: this side is no relay', async (kind) => {
    const { peer, next, end } = await dialByHand();
    peer.send(open(2, { kind, name: 'NAME', offerId: newUid() }));
    expect(json(await next())).toMatchObject({ code: 'FORBIDDEN' });
    await end();
  });
});

describe('heartbeat', () => {
  it('answers a PING with its own bytes', async () => {
    const { peer, next, end } = await dialByHand();
    peer.send(frame(0, Type.PING, Buffer.from('8 bytes!')));
    expect((await next()).equals(frame(0, Type.PONG, Buffer.from('8 bytes!')))).toBe(true);
    await end();
  });
});

describe('close', () => {
  it('says GOAWAY TUNNEL_CLOSED with the reason, and closes the WebSocket with 1000', async () => {
    const { tunnel, peer, next, end } = await dialByHand();
    const closed = once(peer, 'close') as Promise<[number, Buffer]>;
    tunnel.close('done for today');
    const goaway = await next();
    expect(goaway.readUInt8(4)).toBe(Type.GOAWAY);
    expect(json(goaway)).toMatchObject({ code: 'TUNNEL_CLOSED', reason: 'done for today' });
    expect((await closed)[0]).toBe(1000);
    await end();
  });
});
