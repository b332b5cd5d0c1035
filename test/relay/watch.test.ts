import { describe, expect, test } from 'vitest';
import type { PresenceEvent, Tunnel } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { frame, open, RawPeer, Type } from '../support/raw-peer.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { TcpProxy } from '../support/tcp-proxy.js';

checkLeaksAfterEach();

const FOR_ALL = { authorize: () => true };

/** Takes events until `count` of them are there. */
async function take(events: AsyncGenerator<PresenceEvent>, count: number): Promise<string[]> {
  const taken: string[] = [];
  while (taken.length < count) {
    const { value, done } = await events.next();
    if (done) break;
    taken.push(value.type === 'snapshot' ? `snapshot ${value.names.sort().join(' ')}` : `${value.type} ${value.name}`);
  }
  return taken;
}

const listen = (fixture: RelayFixture, name: string, tunnel?: Tunnel) =>
  fixture.listen(name, (stream) => stream.end(), {}, tunnel);

describe('a watch', () => {
  test('tells what there is, then what comes and goes, of the names that match (R179)', async () => {
    const fixture = await startRelay(FOR_ALL);
    await listen(fixture, 'room:a');
    await listen(fixture, 'other');
    const events = fixture.dial().watch('room:*');
    expect(await take(events, 1)).toEqual(['snapshot room:a']);
    const b = await listen(fixture, 'room:b');
    await listen(fixture, 'another');
    await b.close();
    expect(await take(events, 2)).toEqual(['server.created room:b', 'server.destroyed room:b']);
    await events.return(undefined);
  });

  test('has a snapshot of nothing, and of many', async () => {
    const fixture = await startRelay({ ...FOR_ALL, limits: { maxNames: 300 } });
    const tunnel = fixture.dial();
    const none = tunnel.watch('*');
    expect(await take(none, 1)).toEqual(['snapshot ']);
    await none.return(undefined);
    const names = Array.from({ length: 200 }, (_, index) => `n${index}`);
    await Promise.all(names.map((name) => listen(fixture, name, tunnel)));
    const all = tunnel.watch('n*');
    expect(await take(all, 1)).toEqual([`snapshot ${names.sort().join(' ')}`]);
    await all.return(undefined);
  });

  test('is not told of a listener that comes back, only of one that does not', async () => {
    const fixture = await startRelay({ ...FOR_ALL, resumeWindowMs: 60_000 });
    const listener = fixture.dial();
    await listen(fixture, 'room:a', listener);
    const events = fixture.dial().watch('*');
    expect(await take(events, 1)).toEqual(['snapshot room:a']);
    listener.terminate();
    await new Promise((resolve) => listener.once('resume', () => resolve(undefined)));
    await listen(fixture, 'room:b', listener);
    expect(await take(events, 1)).toEqual(['server.created room:b']);
    await events.return(undefined);
  });

  test('goes on over the next connection, and makes up for what it has missed', async () => {
    const fixture = await startRelay(FOR_ALL);
    const proxy = await TcpProxy.start(fixture.url);
    fixture.alsoClose.push(() => proxy.close());
    const watcher = fixture.dial({}, proxy.url);
    const a = await listen(fixture, 'a');
    await listen(fixture, 'b');
    const events = watcher.watch('*');
    expect(await take(events, 1)).toEqual(['snapshot a b']);
    proxy.refuse();
    const suspended = new Promise((resolve) => watcher.once('suspend', () => resolve(undefined)));
    proxy.terminate();
    await suspended;
    await a.close();
    await listen(fixture, 'c');
    proxy.admit();
    expect(await take(events, 2)).toEqual(['server.destroyed a', 'server.created c']);
    await events.return(undefined);
  });

  test('ends with its signal, and with its tunnel', async () => {
    const fixture = await startRelay(FOR_ALL);
    const tunnel = fixture.dial();
    const controller = new AbortController();
    const watched = tunnel.watch('*', { signal: controller.signal });
    expect(await take(watched, 1)).toEqual(['snapshot ']);
    const next = watched.next();
    controller.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    const other = tunnel.watch('*');
    expect(await take(other, 1)).toEqual(['snapshot ']);
    const failed = other.next();
    tunnel.close('enough');
    await expect(failed).rejects.toMatchObject({ code: 'TUNNEL_CLOSED', message: 'enough' });
  });
});

describe('a watcher', () => {
  test('that does not read is told in the end what is true then, however much came and went (R180)', async () => {
    const fixture = await startRelay(FOR_ALL);
    const watcher = fixture.dial({ windowBytes: 1, maxWindowBytes: 1, limits: { earlyWindowBytes: 0 } });
    const events = watcher.watch('*');
    expect(await take(events, 1)).toEqual(['snapshot ']);
    const tunnel = fixture.dial();
    for (let count = 0; count < 50; count++) await (await listen(fixture, 'flapping', tunnel)).close();
    await listen(fixture, 'last', tunnel);
    // The window of one byte lets the relay tell a line now and then; each is true when it is made.
    const told: string[] = [];
    while (told.at(-1) !== 'server.created last') told.push(...(await take(events, 1)));
    const flaps = told.filter((event) => event.endsWith('flapping'));
    expect(flaps.length).toBeLessThan(100);
    for (const [index, event] of flaps.entries())
      expect(event).toBe(index % 2 === 0 ? 'server.created flapping' : 'server.destroyed flapping');
    await events.return(undefined);
  });

  test('is not told without leave (R181): names are secrets by default, and authorize is asked for the pattern', async () => {
    const shut = await startRelay();
    await expect(shut.dial().watch('*').next()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const asked: string[] = [];
    const fixture = await startRelay({
      authorize: ({ action, name }) => {
        asked.push(`${action} ${name}`);
        return name === 'room:*';
      },
    });
    const tunnel = fixture.dial();
    await expect(tunnel.watch('*').next()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const allowed = tunnel.watch('room:*');
    expect(await take(allowed, 1)).toEqual(['snapshot ']);
    await allowed.return(undefined);
    expect(asked).toEqual(['watch *', 'watch room:*']);
  });

  test('has 16 watches at most, and a pattern that is none is told at once', async () => {
    const fixture = await startRelay(FOR_ALL);
    const tunnel = fixture.dial();
    const watches = Array.from({ length: 16 }, () => tunnel.watch('*'));
    await Promise.all(watches.map((watch) => take(watch, 1)));
    await expect(tunnel.watch('*').next()).rejects.toMatchObject({ code: 'LIMIT_STREAMS' });
    await watches[0]?.return(undefined);
    for (const pattern of ['', 'a b', 'x'.repeat(129), '[a-z]'])
      expect(() => tunnel.watch(pattern)).toThrow(expect.objectContaining({ code: 'BAD_NAME' }));
    await Promise.all(watches.map((watch) => watch.return(undefined)));
  });

  test('that speaks the protocol by itself is refused a pattern that is none (R178), and may say nothing', async () => {
    const fixture = await startRelay(FOR_ALL);
    const peer = await RawPeer.ready(fixture.url);
    peer.send(open(1, { kind: 'watch', pattern: '[a-z]' }));
    expect(await peer.nextPayload(Type.RESET)).toMatchObject({ code: 'BAD_NAME' });
    peer.send(open(3, { kind: 'watch', pattern: '*' }));
    await peer.next(Type.ACCEPT);
    peer.send(frame(3, Type.DATA, Buffer.from('hello')));
    expect(await peer.goaway()).toMatchObject({ code: 'PROTOCOL' });
  });
});
