import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import {
  type AcceptHook,
  type Offer,
  StreamClient,
  StreamServer,
  type TrunklineError,
  type TunnelStream,
} from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { frame, open, RawPeer, Type } from '../support/raw-peer.js';
import { startRelay } from '../support/relay-fixture.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { deferred, until } from '../support/until.js';

checkLeaksAfterEach();

async function errorOf(stream: TunnelStream): Promise<TrunklineError> {
  const [error] = (await once(stream, 'error')) as [TrunklineError];
  return error;
}

async function echoes(stream: TunnelStream, text: string): Promise<void> {
  stream.write(text);
  const [answer] = (await once(stream, 'data')) as [Buffer];
  expect(answer.toString()).toBe(text);
}

const echo = (stream: TunnelStream): void => void stream.pipe(stream);

async function finish(...streams: TunnelStream[]): Promise<void> {
  for (const stream of streams) stream.end();
  await Promise.all(streams.map((stream) => finished(stream.resume())));
}

describe('names', () => {
  it('nobody listening: NO_LISTENER at once', async () => {
    const fixture = await startRelay();
    const error = await errorOf(StreamClient(fixture.dial()).connect('NOBODY'));
    expect(error).toMatchObject({ code: 'NO_LISTENER', retryable: true });
  });

  it('a taken name: NAME_TAKEN, its holder keeps its streams and gets the new ones', async () => {
    const fixture = await startRelay();
    await fixture.listen('HELD', echo);
    const client = StreamClient(fixture.dial());
    const before = client.connect('HELD');
    await echoes(before, 'before');

    const rival = StreamServer(fixture.dial(), () => {}).listen('HELD');
    const events: string[] = [];
    rival.on('error', (error) => events.push(error.code));
    rival.on('close', () => events.push('close'));
    await expect(rival.ready).rejects.toMatchObject({ code: 'NAME_TAKEN', retryable: true });
    await rival.close();
    expect(events).toEqual(['NAME_TAKEN', 'close']);

    await echoes(before, 'still here');
    const after = client.connect('HELD');
    await echoes(after, 'and for new ones');
    expect(fixture.relay.stats().names).toEqual({ created: 1, destroyed: 0, active: 1, reserved: 0 });
    await finish(before, after);
  });

  it('a taken name is free again at once when its holder ends, or its tunnel closes', async () => {
    const fixture = await startRelay();
    const events: string[] = [];
    fixture.relay.on('server.created', (name) => events.push(`+${name}`));
    fixture.relay.on('server.destroyed', (name) => events.push(`-${name}`));
    const first = await fixture.listen('NAME', echo);
    await first.close();
    const tunnel = fixture.dial();
    await fixture.listen('NAME', echo, {}, tunnel);
    tunnel.close();
    await until(() => fixture.relay.servers().length === 0, 'the name to be free');
    await fixture.listen('NAME', echo);
    expect(events).toEqual(['+NAME', '-NAME', '+NAME', '-NAME', '+NAME']);
  });

  it('ending a listener keeps the streams that it accepted', async () => {
    const fixture = await startRelay();
    const listener = await fixture.listen('NAME', echo);
    const stream = StreamClient(fixture.dial()).connect('NAME');
    await echoes(stream, 'before');
    await listener.close();
    await echoes(stream, 'after');
    expect(await errorOf(StreamClient(fixture.tunnels[1]!).connect('NAME'))).toMatchObject({ code: 'NO_LISTENER' });
    await finish(stream);
  });

  it('are case-sensitive, and many fit on one tunnel', async () => {
    const fixture = await startRelay();
    const tunnel = fixture.dial();
    const names = ['a', 'A', '0', 'a.b_c:d@e~f-g', 'x'.repeat(128)];
    for (const name of names) await fixture.listen(name, (stream) => stream.end(name), {}, tunnel);
    expect(fixture.relay.servers().sort()).toEqual([...names].sort());
    const client = StreamClient(fixture.dial());
    for (const name of names) {
      const stream = client.connect(name);
      const [answer] = (await once(stream, 'data')) as [Buffer];
      expect(answer.toString()).toBe(name);
      await finish(stream);
    }
    for (const stream of fixture.listeners) await stream.close();
  });
});

describe('a listener that goes away', () => {
  it('abruptly, and not to come back: its clients get LISTENER_GONE within a second, the name is free', async () => {
    const fixture = await startRelay();
    const proxy = await TcpProxy.start(fixture.url);
    fixture.alsoClose.push(() => proxy.close());
    const server = fixture.dial({ resumeWindowMs: 0 }, proxy.url);
    await fixture.listen('GONE', (stream) => stream.on('error', () => {}), {}, server);
    const client = StreamClient(fixture.dial());
    const streams = [client.connect('GONE'), client.connect('GONE')];
    await Promise.all(streams.map((stream) => stream.opened));
    const errors = Promise.all(streams.map(errorOf));
    const cutAt = performance.now();
    proxy.cut();
    expect(await errors).toMatchObject([{ code: 'LISTENER_GONE' }, { code: 'LISTENER_GONE' }]);
    expect(performance.now() - cutAt).toBeLessThan(1000);
    expect(fixture.relay.servers()).toEqual([]);
    expect((await server.closed).code).toBe('CONNECTION_LOST');
  });

  it('by closing its tunnel: LISTENER_GONE, for joined streams and for pending ones', async () => {
    const fixture = await startRelay();
    const server = fixture.dial();
    const asked = deferred();
    const listener = await fixture.listen(
      'GONE',
      (stream) => stream.on('error', () => {}),
      {
        accept: ({ meta }) => {
          if (meta === 'join') return true;
          asked.resolve();
          return new Promise<boolean>(() => {});
        },
      },
      server,
    );
    const client = StreamClient(fixture.dial());
    const joined = client.connect('GONE', { meta: 'join' });
    await joined.opened;
    const pending = client.connect('GONE', { meta: 'wait' });
    await asked.promise;
    const errors = Promise.all([errorOf(joined), errorOf(pending)]);
    server.close();
    expect(await errors).toMatchObject([{ code: 'LISTENER_GONE' }, { code: 'LISTENER_GONE' }]);
    await listener.close();
  });

  it('by ending: a connect that is still undecided gets LISTENER_GONE', async () => {
    const fixture = await startRelay();
    const asked = deferred();
    const listener = await fixture.listen('GONE', () => {}, {
      accept: () => {
        asked.resolve();
        return new Promise<boolean>(() => {});
      },
    });
    const stream = StreamClient(fixture.dial()).connect('GONE');
    await asked.promise;
    const failed = errorOf(stream);
    await listener.close();
    expect(await failed).toMatchObject({ code: 'LISTENER_GONE' });
  });
});

describe('a client that goes away', () => {
  it.each([
    ['destroys its stream', (stream: TunnelStream, _close: () => void) => stream.destroy()],
    ['closes its tunnel', (_stream: TunnelStream, close: () => void) => close()],
  ])('%s before it was accepted: the listener never sees it, nothing stays pending', async (_what, giveUp) => {
    const fixture = await startRelay();
    const [asked, decision] = [deferred<Offer>(), deferred<boolean>()];
    const seen: TunnelStream[] = [];
    await fixture.listen('SLOW', (stream) => seen.push(stream), {
      accept: (offer) => {
        asked.resolve(offer);
        return decision.promise;
      },
    });
    const tunnel = fixture.dial();
    const stream = StreamClient(tunnel).connect('SLOW');
    stream.on('error', () => {});
    await asked.promise;
    giveUp(stream, () => tunnel.close());
    await until(() => fixture.relay.stats().connects.canceled === 1, 'the relay to know');
    decision.resolve(true);
    // What the listener says now passes this on its way, and so does the relay's answer.
    const proof = await fixture.pair('PROOF', { server: fixture.tunnels[0]! });
    await finish(proof.client, proof.server);
    expect(seen).toEqual([]);
    expect(fixture.relay.stats().connects).toMatchObject({ pending: 0, matched: 1 });
  });

  it('abruptly, and not to come back: the other side gets CONNECTION_LOST; on purpose: TUNNEL_CLOSED', async () => {
    const fixture = await startRelay();
    const proxy = await TcpProxy.start(fixture.url);
    fixture.alsoClose.push(() => proxy.close());
    const lost = await fixture.pair('LOST', { client: fixture.dial({ resumeWindowMs: 0 }, proxy.url) });
    lost.client.on('error', () => {});
    const failed = errorOf(lost.server);
    proxy.cut();
    expect(await failed).toMatchObject({ code: 'CONNECTION_LOST' });

    const client = fixture.dial();
    const closed = await fixture.pair('CLOSED', { client });
    const mine = errorOf(closed.client);
    const theirs = errorOf(closed.server);
    client.close('enough');
    expect(await mine).toMatchObject({ code: 'TUNNEL_CLOSED', message: 'enough' });
    expect(await theirs).toMatchObject({ code: 'TUNNEL_CLOSED' });
  });
});

describe('the accept hook', () => {
  async function ask(accept: AcceptHook, limits = {}) {
    const fixture = await startRelay({ limits });
    const seen: TunnelStream[] = [];
    const listener = await fixture.listen('ASKED', (stream) => seen.push(stream), { accept });
    const stream = StreamClient(fixture.dial()).connect('ASKED', { meta: { ticket: 7 } });
    return { fixture, listener, seen, stream };
  }

  it('sees name, meta, claims and ids; true lets the client in', async () => {
    const offers: Offer[] = [];
    const { seen, stream } = await ask((offer) => {
      offers.push(offer);
      return true;
    });
    await stream.opened;
    const id = expect.stringMatching(/^[0-9a-f]{32}$/);
    expect(offers).toEqual([{ name: 'ASKED', meta: { ticket: 7 }, claims: null, id, uid: stream.uid }]);
    expect(offers[0]!.id).not.toBe(stream.uid);
    await until(() => seen.length === 1, 'the stream');
    await finish(stream, seen[0]!);
  });

  it('may take its time', async () => {
    const decision = deferred<boolean>();
    const { seen, stream } = await ask(() => decision.promise);
    stream.write('early');
    decision.resolve(true);
    await stream.opened;
    await until(() => seen.length === 1, 'the stream');
    const [early] = (await once(seen[0]!, 'data')) as [Buffer];
    expect(early.toString()).toBe('early');
    await finish(stream, seen[0]!);
  });

  it.each<[string, AcceptHook, object]>([
    ['false', () => false, { code: 'REFUSED', appCode: undefined }],
    ['false, later', async () => false, { code: 'REFUSED' }],
    ['nothing', () => undefined, { code: 'REFUSED' }],
    [
      'a refusal',
      () => ({ code: 'E42', text: 'not today' }),
      { code: 'REFUSED', appCode: 'E42', message: 'not today' },
    ],
    ['a refusal, later', async () => ({ text: 'no' }), { code: 'REFUSED', message: 'no', appCode: undefined }],
  ])('answering %s refuses', async (_what, accept, expected) => {
    const { fixture, seen, stream } = await ask(accept);
    expect(await errorOf(stream)).toMatchObject({ ...expected, retryable: false });
    expect(seen).toEqual([]);
    expect(fixture.relay.stats().connects).toMatchObject({ refused: 1, pending: 0 });
  });

  it.each<[string, AcceptHook]>([
    [
      'throwing',
      () => {
        throw new Error('secret detail');
      },
    ],
    ['rejecting', () => Promise.reject(new Error('secret detail'))],
  ])('%s refuses without a word of why, and tells the listener', async (_what, accept) => {
    const { listener, stream } = await ask(accept);
    const errors: Error[] = [];
    listener.on('error', (error) => errors.push(error));
    const error = await errorOf(stream);
    expect(error).toMatchObject({ code: 'REFUSED' });
    expect(error.message).not.toContain('secret');
    expect(errors).toMatchObject([{ message: 'secret detail' }]);
  });

  it('never answering: ACCEPT_TIMEOUT, and a late yes opens nothing', async () => {
    const decision = deferred<boolean>();
    const { fixture, seen, stream } = await ask(() => decision.promise, { acceptTimeoutMs: 300 });
    expect(await errorOf(stream)).toMatchObject({ code: 'ACCEPT_TIMEOUT', retryable: true });
    decision.resolve(true);
    const proof = await fixture.pair('PROOF', { server: fixture.tunnels[0]! });
    await finish(proof.client, proof.server);
    expect(seen).toEqual([]);
    expect(fixture.relay.stats().connects).toMatchObject({ expired: 1, pending: 0 });
  });

  it('cannot make a refusal look like the relay', async () => {
    const fixture = await startRelay();
    const raw = await RawPeer.ready(fixture.url);
    raw.send(open(1, { kind: 'listen', name: 'LIAR' }));
    await raw.next(Type.ACCEPT);
    const stream = StreamClient(fixture.dial()).connect('LIAR');
    const { id } = await raw.nextPayload(Type.OFFER);
    raw.send(frame(1, Type.REFUSE, { id, code: 'NO_LISTENER', reason: 'nobody here' }));
    expect(await errorOf(stream)).toMatchObject({ code: 'REFUSED', message: 'nobody here' });
    await raw.close();
  });
});

describe('waitMs', () => {
  it('parks the connect until a listener comes', async () => {
    const fixture = await startRelay();
    const stream = StreamClient(fixture.dial()).connect('LATER', { waitMs: 60_000, meta: 'waited' });
    stream.write('early');
    await until(() => fixture.relay.stats().connects.pending === 1, 'the connect to be parked');
    const metas: unknown[] = [];
    await fixture.listen('LATER', (accepted) => {
      metas.push(accepted.meta);
      accepted.pipe(accepted);
    });
    const [early] = (await once(stream, 'data')) as [Buffer];
    expect(early.toString()).toBe('early');
    expect(metas).toEqual(['waited']);
    await finish(stream);
  });

  it('expires as NO_LISTENER', async () => {
    const fixture = await startRelay();
    const stream = StreamClient(fixture.dial(), { waitMs: 40 }).connect('NEVER');
    expect(await errorOf(stream)).toMatchObject({ code: 'NO_LISTENER' });
    expect(fixture.relay.stats().connects).toMatchObject({ expired: 1, pending: 0 });
  });

  it('is cut to what the relay allows', async () => {
    const fixture = await startRelay({ limits: { maxWaitMs: 40 } });
    const stream = StreamClient(fixture.dial()).connect('NEVER', { waitMs: 3_600_000 });
    expect(await errorOf(stream)).toMatchObject({ code: 'NO_LISTENER' });
  });

  it('can be given up', async () => {
    const fixture = await startRelay();
    const controller = new AbortController();
    const stream = StreamClient(fixture.dial()).connect('NEVER', { waitMs: 60_000, signal: controller.signal });
    await until(() => fixture.relay.stats().connects.pending === 1, 'the connect to be parked');
    const failed = errorOf(stream);
    controller.abort();
    expect(await failed).toMatchObject({ code: 'CANCELED' });
    await until(() => fixture.relay.stats().connects.canceled === 1, 'the relay to know');
    const seen: TunnelStream[] = [];
    await fixture.listen('NEVER', (late) => seen.push(late));
    expect(seen).toEqual([]);
  });
});
