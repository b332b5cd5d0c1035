import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import type { RelayConnection } from '../../relay/index.js';
import { StreamClient, StreamServer, type TrunklineError, type TunnelStream } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { RawPeer, Type } from '../support/raw-peer.js';
import { startRelay } from '../support/relay-fixture.js';
import { readSeeded, seededSha256, writeSeeded } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

async function errorOf(stream: TunnelStream): Promise<TrunklineError> {
  const [error] = (await once(stream, 'error')) as [TrunklineError];
  return error;
}

const MIB = 1024 * 1024;

describe('relay.connect', () => {
  it('reaches a listener from inside the process: meta both ways, 8 MiB both ways', async () => {
    const fixture = await startRelay();
    const served: Promise<unknown>[] = [];
    const metas: unknown[] = [];
    await fixture.listen(
      'LOCAL',
      (stream) => {
        metas.push(stream.meta);
        served.push(Promise.all([readSeeded(stream, 1), writeSeeded(stream, 2, 8 * MIB)]));
      },
      { meta: 'from the listener' },
    );
    const stream = fixture.relay.connect('LOCAL', { meta: { from: 'relay' } });
    expect(stream.name).toBe('LOCAL');
    const [reply] = await Promise.all([readSeeded(stream, 2), writeSeeded(stream, 1, 8 * MIB)]);
    expect(reply).toEqual({ bytes: 8 * MIB, sha256: seededSha256(2, 8 * MIB) });
    expect(metas).toEqual([{ from: 'relay' }]);
    expect(stream.meta).toBe('from the listener');
    await Promise.all(served);
  });

  it('fails like any connect: NO_LISTENER, BAD_NAME, LIMIT_BYTES', async () => {
    const { relay } = await startRelay();
    expect(await errorOf(relay.connect('NOBODY'))).toMatchObject({ code: 'NO_LISTENER' });
    expect(() => relay.connect('no name')).toThrowError(expect.objectContaining({ code: 'BAD_NAME' }));
    expect(() => relay.connect('X', { meta: 'x'.repeat(9000) })).toThrowError(
      expect.objectContaining({ code: 'LIMIT_BYTES' }),
    );
    expect(() => relay.connect('X', { meta: 1n })).toThrowError(TypeError);
  });

  it.each([-1, 1.5, Number.NaN, '5'])('refuses waitMs %s at the call, its other streams unharmed', async (waitMs) => {
    const fixture = await startRelay();
    await fixture.listen('ECHO', (stream) => stream.pipe(stream));
    const stream = fixture.relay.connect('ECHO');
    await stream.opened;
    expect(() => fixture.relay.connect('X', { waitMs: waitMs as number })).toThrowError(RangeError);
    stream.write('still here');
    const [answer] = (await once(stream, 'data')) as [Buffer];
    expect(answer.toString()).toBe('still here');
    stream.end();
    await finished(stream.resume());
  });

  it('waits for a listener with waitMs', async () => {
    const fixture = await startRelay();
    const stream = fixture.relay.connect('LATER', { waitMs: 60_000 });
    await until(() => fixture.relay.stats().connects.pending === 1, 'the connect to be parked');
    await fixture.listen('LATER', (accepted) => accepted.end('hello'));
    stream.end();
    const [answer] = (await once(stream, 'data')) as [Buffer];
    expect(answer.toString()).toBe('hello');
    await finished(stream.resume());
  });

  it('on a closed relay is GOING_AWAY', async () => {
    const { relay } = await startRelay();
    await relay.close();
    const stream = relay.connect('NAME');
    expect(await errorOf(stream)).toMatchObject({ code: 'GOING_AWAY' });
  });
});

describe('what a relay tells', () => {
  it('servers() and the events of each name alternate strictly', async () => {
    const fixture = await startRelay();
    const { relay } = fixture;
    const events: string[] = [];
    relay.on('server.created', (name) => events.push(`+${name} ${relay.servers().includes(name as string)}`));
    relay.on('server.destroyed', (name) => events.push(`-${name} ${relay.servers().includes(name as string)}`));
    const tunnel = fixture.dial();
    for (let count = 0; count < 3; count++) {
      const [a, b] = [await fixture.listen('A', () => {}, {}, tunnel), await fixture.listen('B', () => {}, {}, tunnel)];
      expect(relay.servers()).toEqual(['A', 'B']);
      const rival = StreamServer(tunnel, () => {}).listen('A');
      await expect(rival.ready).rejects.toMatchObject({ code: 'NAME_TAKEN' });
      await a.close();
      await b.close();
    }
    expect(relay.servers()).toEqual([]);
    expect(events).toEqual(Array(3).fill(['+A true', '+B true', '-A false', '-B false']).flat());
  });

  it('stats() counts what happened', async () => {
    const fixture = await startRelay();
    const { client, server } = await fixture.pair('COUNTED');
    expect(fixture.relay.stats()).toEqual({
      bytes: { passed: 0, received: expect.any(Number), sent: expect.any(Number) },
      refusals: {},
      stalls: { begun: 0, active: 0 },
      streams: { finished: 0, reset: 0, lost: 0 },
      tunnelEnds: {},
      tunnels: { opened: 2, closed: 0, active: 2 },
      names: { created: 1, destroyed: 1, active: 0, reserved: 0 },
      connects: { requested: 1, matched: 1, refused: 0, expired: 0, canceled: 0, pending: 0 },
      resumes: { requested: 0, matched: 0, refused: 0, expired: 0, canceled: 0, pending: 0 },
      splices: { opened: 1, closed: 0, active: 1, detached: 0 },
    });
    client.end();
    server.end();
    await Promise.all([finished(client.resume()), finished(server.resume())]);
    await until(() => fixture.relay.stats().splices.closed === 1, 'the splice to close');
  });

  it("'connection' shows the upgrade request, and can end the tunnel", async () => {
    const fixture = await startRelay();
    const shown: RelayConnection[] = [];
    fixture.relay.on('connection', (connection) => shown.push(connection as RelayConnection));
    const tunnel = fixture.dial({ ws: { headers: { 'X-Test': 'seven' } } });
    await tunnel.opened;
    expect(shown).toHaveLength(1);
    expect(shown[0]!.request!.headers['x-test']).toBe('seven');
    expect(shown[0]!.streams).toBe(0);
    await fixture.listen('NAME', () => {}, {}, tunnel);
    expect(shown[0]!.streams).toBe(1);
    shown[0]!.close('maintenance');
    expect(await tunnel.closed).toMatchObject({ code: 'TUNNEL_CLOSED', message: 'maintenance', retryable: false });
    expect(fixture.relay.servers()).toEqual([]);
  });
});

describe('relay.close()', () => {
  it('tells every tunnel GOING_AWAY, and every name is destroyed before close', async () => {
    const fixture = await startRelay();
    const { relay } = fixture;
    // Such as these see a closed relay as the end; the others look for the next one.
    const dial = () => fixture.dial({ resumeWindowMs: 0 });
    const events: string[] = [];
    for (const event of ['server.created', 'server.destroyed', 'close']) relay.on(event, () => events.push(event));
    await fixture.listen('A', (stream) => stream.on('error', () => {}), {}, dial());
    await fixture.listen('B', () => {}, {}, dial());
    const tunnel = dial();
    const [remote, local] = [StreamClient(tunnel).connect('A'), relay.connect('A')];
    const waiting = StreamClient(tunnel).connect('LATER', { waitMs: 60_000 });
    await Promise.all([remote.opened, local.opened]);
    await until(() => relay.stats().connects.pending === 1, 'the connect to be parked');
    const errors = Promise.all([remote, local, waiting].map(errorOf));
    await relay.close();
    expect(events).toEqual(['server.created', 'server.created', 'server.destroyed', 'server.destroyed', 'close']);
    expect(await errors).toMatchObject([{ code: 'GOING_AWAY' }, { code: 'GOING_AWAY' }, { code: 'GOING_AWAY' }]);
    for (const { closed } of fixture.tunnels)
      expect(await closed).toMatchObject({ code: 'GOING_AWAY', retryable: true });
    expect(relay.stats().tunnels.active).toBe(0);
    expect(relay.stats().connects.pending).toBe(0);
  });

  it('closes tunnels that are in their handshake', async () => {
    const { relay, url } = await startRelay();
    const raw = await RawPeer.dial(url);
    const goaway = raw.goaway();
    await relay.close();
    expect(await goaway).toMatchObject({ code: 'GOING_AWAY' });
  });

  it('twice, and from inside an event, is one close', async () => {
    const fixture = await startRelay();
    const { relay } = fixture;
    let closes = 0;
    relay.on('close', () => closes++);
    await fixture.listen('A', () => {}, {}, fixture.dial({ resumeWindowMs: 0 }));
    const inner: Promise<void>[] = [];
    relay.on('server.destroyed', () => inner.push(relay.close()));
    await Promise.all([relay.close(), relay.close()]);
    await Promise.all(inner);
    expect(inner).toHaveLength(1);
    expect(closes).toBe(1);
    expect(() => relay.install(fixture.server)).toThrowError(/closed/);
  });
});

describe('relay.drain()', () => {
  it('closes as soon as every tunnel has left, and not before', async () => {
    const fixture = await startRelay();
    const { relay, url } = fixture;
    const events: string[] = [];
    relay.on('close', () => events.push('close'));
    const peers = [await RawPeer.ready(url), await RawPeer.ready(url)];
    await until(() => relay.stats().tunnels.active === 2, 'both tunnels');
    const drained = relay.drain({ graceMs: 1_000_000 });
    expect(relay.drain()).toBe(drained);
    const notices = await Promise.all(peers.map((peer) => peer.nextPayload(Type.GOAWAY)));
    for (const notice of notices) expect(notice).toMatchObject({ graceMs: 1_000_000, code: 'GOING_AWAY' });
    await peers[0]!.close();
    await until(() => relay.stats().tunnels.active === 1, 'the first to leave');
    expect(events).toEqual([]);
    await peers[1]!.close();
    await drained;
    expect(events).toEqual(['close']);
    expect(() => relay.install(fixture.server)).toThrowError(/closed/);
  });

  it('ends those that stay when the grace is over', async () => {
    const { relay, url } = await startRelay();
    const peer = await RawPeer.ready(url);
    const drained = relay.drain({ graceMs: 20 });
    expect(await peer.nextPayload(Type.GOAWAY)).toMatchObject({ graceMs: 20 });
    const last = await peer.nextPayload(Type.GOAWAY);
    expect(last).toMatchObject({ code: 'GOING_AWAY' });
    expect(last).not.toHaveProperty('graceMs');
    await drained;
    expect(relay.stats().tunnels.active).toBe(0);
  });

  it('waits for nobody when nobody is there but this process, and close() cuts it short', async () => {
    const fixture = await startRelay();
    const stream = fixture.relay.connect('NOBODY', { waitMs: 60_000 });
    await until(() => fixture.relay.stats().connects.pending === 1, 'the connect to wait');
    const error = errorOf(stream);
    await fixture.relay.drain({ graceMs: 1_000_000 });
    expect(await error).toMatchObject({ code: 'GOING_AWAY' });

    const other = await startRelay();
    const peer = await RawPeer.ready(other.url);
    const drained = other.relay.drain({ graceMs: 1_000_000 });
    expect(await peer.nextPayload(Type.GOAWAY)).toMatchObject({ graceMs: 1_000_000 });
    await other.relay.close();
    await drained;
    await other.relay.drain();
  });

  it.each([-1, 0.5, Number.NaN, '5'])('refuses graceMs %s', async (graceMs) => {
    const { relay } = await startRelay();
    expect(() => relay.drain({ graceMs: graceMs as number })).toThrowError(RangeError);
    const stream = relay.connect('NOBODY');
    expect(await errorOf(stream)).toMatchObject({ code: 'NO_LISTENER' });
  });
});
