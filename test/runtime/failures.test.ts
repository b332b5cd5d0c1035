import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { connectTunnel, StreamClient, StreamServer, type Tunnel } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { frame, newUid, offsets, open, RawPeer, Type } from '../support/raw-peer.js';
import { startRelay } from '../support/relay-fixture.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

let warnings: string[];
beforeEach(() => {
  warnings = [];
  vi.spyOn(console, 'warn').mockImplementation((text: string) => void warnings.push(text));
});
afterEach(() => vi.restoreAllMocks());

// The leak check fails a test whose process saw an uncaught exception or an unhandled rejection.
describe('a failure that nobody listens for', () => {
  it('of a stream: one warning, with its code', async () => {
    const fixture = await startRelay();
    const stream = StreamClient(fixture.dial()).connect('NOBODY');
    await once(stream, 'close').catch(() => {});
    await until(() => stream.closed, 'close');
    expect(warnings).toHaveLength(0);

    const silent = StreamClient(fixture.tunnels[0]!).connect('NOBODY');
    await until(() => silent.closed, 'close');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('NO_LISTENER');
  });

  it('of a stream that broke after it had opened: one warning at each side that is told', async () => {
    const fixture = await startRelay();
    const { client, server } = await fixture.pair('QUIET');
    client.destroy();
    await until(() => server.closed, 'close');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('CANCELED');
  });

  it('of a listener: one warning', async () => {
    const fixture = await startRelay();
    await fixture.listen('HELD', () => {});
    const rival = StreamServer(fixture.dial(), () => {}).listen('HELD');
    await rival.close();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('NAME_TAKEN');
  });

  it('of an accept hook: one warning, the client is refused', async () => {
    const fixture = await startRelay();
    await fixture.listen('HOOK', () => {}, {
      accept: () => {
        throw new Error('hook broke');
      },
    });
    const stream = StreamClient(fixture.dial()).connect('HOOK');
    await expect(stream.opened).rejects.toMatchObject({ code: 'REFUSED' });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('hook broke');
  });

  it('of a tunnel that nobody looks at: one warning', async () => {
    const fixture = await startRelay();
    const tunnel = connectTunnel(fixture.url, { resumeWindowMs: 0 });
    await until(() => fixture.relay.stats().tunnels.opened === 1, 'the tunnel');
    await fixture.relay.close();
    await tunnel.closed;
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('GOING_AWAY');
  });
});

describe('a failure that somebody looks at', () => {
  it('is told there and not on the console', async () => {
    const fixture = await startRelay();
    const client = StreamClient(fixture.dial());
    const byEvent = client.connect('NOBODY');
    const errors: string[] = [];
    byEvent.on('error', (error) => errors.push((error as Error & { code: string }).code));
    await expect(client.connect('NOBODY').opened).rejects.toMatchObject({ code: 'NO_LISTENER' });
    await until(() => errors.length === 1, 'the event');
    const rival = StreamServer(fixture.dial(), () => {}).listen('no'.repeat(2));
    await rival.ready;
    const taken = StreamServer(fixture.dial(), () => {}).listen('no'.repeat(2));
    await expect(taken.ready).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    await rival.close();
    expect(errors).toEqual(['NO_LISTENER']);
    expect(warnings).toEqual([]);
  });
});

describe('a relay that breaks the protocol', () => {
  const welcome = frame(0, Type.WELCOME, {
    version: 1,
    limits: {},
    heartbeat: { intervalMs: 10_000, timeoutMs: 10_000 },
    relayId: 'bad',
  });
  const accept = frame(1, Type.ACCEPT, { credit: 1000, meta: null });
  const offer = { id: newUid(), uid: newUid(), name: 'X', meta: null };

  it.each<[string, (Buffer | string)[], string]>([
    ['garbage instead of WELCOME', [Buffer.alloc(100, 0xee)], 'PROTOCOL'],
    ['text', ['{"hello":"world"}'], 'PROTOCOL'],
    ['an unknown version', [frame(0, Type.WELCOME, { version: 9 })], 'PROTOCOL'],
    ['a WELCOME that says too little', [frame(0, Type.WELCOME, { version: 1 })], 'PROTOCOL'],
    ['a stream frame before WELCOME', [accept], 'PROTOCOL'],
    ['WELCOME twice', [welcome, welcome], 'PROTOCOL'],
    ['HELLO', [welcome, frame(0, Type.HELLO, { version: 1 })], 'PROTOCOL'],
    ['ACCEPT twice', [welcome, accept, accept], 'PROTOCOL'],
    ['DATA before ACCEPT', [welcome, frame(1, Type.DATA, Buffer.from('x'))], 'PROTOCOL'],
    [
      'bytes past the credit',
      [welcome, accept, ...Array(5).fill(frame(1, Type.DATA, Buffer.alloc(65_536)))],
      'FLOW_CONTROL',
    ],
    ['CLOSE before the end', [welcome, accept, frame(1, Type.CLOSE)], 'PROTOCOL'],
    ['CLOSE before ACCEPT', [welcome, frame(1, Type.CLOSE)], 'PROTOCOL'],
    ['a forged END_ACK', [welcome, accept, frame(1, Type.END_ACK)], 'PROTOCOL'],
    ['an END that miscounts', [welcome, accept, frame(1, Type.END, offsets(9))], 'PROTOCOL'],
    ['CREDIT for bytes never sent', [welcome, accept, frame(1, Type.CREDIT, offsets(77, 100))], 'PROTOCOL'],
    ['an OFFER on a stream that does not listen', [welcome, accept, frame(1, Type.OFFER, offer)], 'PROTOCOL'],
    ['an OPEN with an odd id', [welcome, open(3, { kind: 'plain' })], 'PROTOCOL'],
    ['a frame for a stream that never was', [welcome, frame(9, Type.END, offsets(0))], 'PROTOCOL'],
    [
      'GOAWAY with a code from the future',
      [welcome, frame(0, Type.GOAWAY, { code: 'BRAND_NEW', reason: 'hm' })],
      'INTERNAL',
    ],
    ['a hang-up', [welcome], 'CONNECTION_LOST'],
  ])('%s: the tunnel and its stream end with a code', async (what, messages, code) => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'trunkline.1' });
    await once(server, 'listening');
    server.on('connection', (socket) => {
      socket.once('message', () => {
        for (const message of messages) socket.send(message);
        if (what === 'a hang-up') socket.terminate();
      });
    });
    const url = `ws://127.0.0.1:${(server.address() as { port: number }).port}`;
    // A breach is for good; a lost connection is only where nothing is to outlive it.
    const tunnel: Tunnel = connectTunnel(url, code === 'CONNECTION_LOST' ? { resumeWindowMs: 0 } : {});
    const stream = StreamClient(tunnel).connect('NAME');
    const [error] = (await once(stream, 'error')) as [Error];
    expect(error).toMatchObject({ code });
    expect(stream.writableFinished).toBe(false);
    expect(stream.readableEnded).toBe(false);
    expect(await tunnel.closed).toMatchObject({ code });
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('an application that throws', () => {
  it('in onStream: the error is its own and surfaces as uncaught, the other streams live on', async () => {
    const fixture = await startRelay();
    const thrown: unknown[] = [];
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => thrown.push(error));
    try {
      const own = new Error('mine');
      await fixture.listen('THROWS', (stream) => {
        stream.on('error', () => {});
        if (stream.meta === 'bad') throw own;
        stream.pipe(stream);
      });
      const client = StreamClient(fixture.dial());
      const bad = client.connect('THROWS', { meta: 'bad' });
      bad.on('error', () => {});
      const good = client.connect('THROWS');
      good.write('still here');
      const [answer] = (await once(good, 'data')) as [Buffer];
      expect(answer.toString()).toBe('still here');
      await until(() => thrown.length === 1, 'the error to surface');
      expect(thrown).toEqual([own]);
      bad.destroy();
      good.destroy();
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of others) process.on('uncaughtException', listener);
    }
  });
});

describe('a peer that floods', () => {
  it('with resets of its own streams leaves the listener quiet', async () => {
    const fixture = await startRelay();
    const seen: unknown[] = [];
    await fixture.listen('FLOODED', (stream) => {
      stream.on('error', () => {});
      seen.push(stream);
    });
    const raw = await RawPeer.ready(fixture.url);
    for (let id = 1; id < 1001; id += 2) {
      raw.send(open(id, { kind: 'connect', name: 'FLOODED' }), frame(id, Type.RESET, { code: 'CANCELED' }));
    }
    raw.send(frame(0, Type.PING, Buffer.alloc(8)));
    await raw.next(Type.PONG);
    await raw.close();
    await until(() => fixture.relay.stats().connects.pending === 0, 'nothing pending');
    const { client, server } = await fixture.pair('AFTER');
    client.on('error', () => {});
    server.on('error', () => {});
    client.destroy();
    await until(() => server.closed, 'close');
    expect(seen).toEqual([]);
  });
});
