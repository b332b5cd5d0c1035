import { describe, expect, test } from 'vitest';
import { resolveOptions } from '../../relay/options.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Offer } from '../../src/protocol/frames.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { until } from '../support/until.js';
import { CorePeer, dataFrame, makeRelay } from './core-peer.js';

checkLeaksAfterEach();

describe('relay.inspect()', () => {
  test('is plain JSON of what is there', async () => {
    const fixture = await startRelay({ limits: { maxNames: 3 } });
    const listening = fixture.dial();
    await listening.opened;
    const client = fixture.dial({ ws: { headers: { 'User-Agent': `<b>${'x'.repeat(300)}` } } });
    const { client: stream, server } = await fixture.pair('SEEN', { client, server: listening });
    await fixture.listen('HELD', () => {}, {}, listening);
    stream.end('four');
    await until(() => fixture.relay.stats().bytes.passed === 4, 'the bytes');
    const snapshot = fixture.relay.inspect();
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);
    expect(snapshot).toMatchObject({
      state: 'serving',
      names: { total: 1, omitted: 0, entries: [{ name: 'HELD', state: 'held', since: expect.stringMatching(/Z$/) }] },
      streams: {
        total: 1,
        entries: [
          {
            name: 'SEEN',
            client: 2,
            listener: 1,
            isStalled: false,
            toListener: { bytes: 4, queuedBytes: 0, heldBackBy: null },
            toClient: { bytes: 0, queuedBytes: 0, heldBackBy: null },
          },
        ],
      },
      tunnels: { total: 2, omitted: 0 },
      queuedBytes: 0,
      limits: resolveOptions({ limits: { maxNames: 3 } }).limits,
    });
    expect(snapshot.totals).toEqual(fixture.relay.stats());
    expect(snapshot.tunnels.entries).toMatchObject([
      { number: 1, state: 'open', remoteAddress: '127.0.0.1', streams: 2, refusals: 0 },
      { number: 2, state: 'open', streams: 1, userAgent: `<b>${'x'.repeat(197)}` },
    ]);
    const { received, sent } = fixture.relay.stats().bytes;
    const sum = (field: 'bytesReceived' | 'bytesSent') =>
      snapshot.tunnels.entries.reduce((total, entry) => total + entry[field], 0);
    expect([sum('bytesReceived'), sum('bytesSent')]).toEqual([received, sent]);
    expect(received).toBeGreaterThan(4);
    expect(Math.abs(Date.parse(snapshot.at) - Date.now())).toBeLessThan(60_000);
    expect(Date.parse(snapshot.startedAt)).toBeLessThanOrEqual(Date.parse(snapshot.tunnels.entries[0]!.since));
    server.end();
    server.resume();
    stream.resume();
  });

  test('knows round trips from the second look on', async () => {
    const fixture = await startRelay();
    await fixture.dial().opened;
    expect(fixture.relay.inspect().tunnels.entries[0]?.roundTripMs).toBeNull();
    await until(() => fixture.relay.inspect().tunnels.entries[0]?.roundTripMs !== null, 'the round trip');
    expect(fixture.relay.inspect().tunnels.entries[0]?.roundTripMs).toBeGreaterThan(0);
  });

  test('says that this process itself has no address', async () => {
    const fixture = await startRelay();
    await fixture.listen('LOCAL', (stream) => stream.end());
    const stream = fixture.relay.connect('LOCAL');
    await stream.opened;
    const { entries } = fixture.relay.inspect().tunnels;
    expect(entries[1]).toMatchObject({ number: 2, remoteAddress: null, userAgent: null, state: 'open' });
    stream.end();
    stream.resume();
  });

  test('says what the relay is about', async () => {
    const fixture = await startRelay();
    const { relay } = fixture;
    const tunnel = fixture.dial();
    await tunnel.opened;
    const drained = relay.drain({ graceMs: 60_000 });
    expect(relay.inspect().state).toBe('draining');
    tunnel.close();
    await drained;
    expect(relay.inspect()).toMatchObject({ state: 'closed', tunnels: { total: 0 } });
  });

  test.each([-1, 0.5, Number.NaN])('refuses %d entries', async (maxEntries) => {
    const { relay } = await startRelay();
    expect(() => relay.inspect({ maxEntries })).toThrow(RangeError);
  });
});

describe('what does not fit', () => {
  function crowded() {
    const { core } = makeRelay({ limits: { egressBytes: 1000, earlyWindowBytes: 100 } });
    const clients = Array.from({ length: 5 }, () => new CorePeer(core));
    const listener = new CorePeer(core);
    for (let index = 0; index < 5; index++) listener.listen(`NAME-${index}`);
    const ids = clients.map((client, index) => client.connect(`NAME-${index}`));
    for (const offer of listener.offers()) listener.accept(offer as Offer);
    listener.frames();
    const credits = clients.map((client) => {
      const accepted = client.frames().find((frame) => frame.type === 'ACCEPT');
      return accepted?.type === 'ACCEPT' ? accepted.accept.credit : 0;
    });
    return { core, listener, clients, ids, credits };
  }

  test('is counted', () => {
    const { core } = crowded();
    for (const maxEntries of [0, 2, 5, 100]) {
      const { names, tunnels, streams } = core.inspect(maxEntries);
      const shown = (total: number) => Math.min(total, maxEntries);
      for (const [listing, total] of [
        [names, 5],
        [tunnels, 6],
        [streams, 5],
      ] as const) {
        expect(listing.total).toBe(total);
        expect(listing.entries).toHaveLength(shown(total));
        expect(listing.omitted).toBe(total - shown(total));
      }
    }
  });

  test('is what matters least: a stalled stream and the tunnel that it waits for come first', () => {
    const { core, clients, ids, credits, listener } = crowded();
    const credit = credits[3] ?? 0;
    const before = core.inspect();
    expect(before.streams.entries.map(({ name }) => name)).toEqual([0, 1, 2, 3, 4].map((index) => `NAME-${index}`));
    clients[3]?.send(dataFrame(ids[3] ?? 0, new Uint8Array(credit)));
    const { streams, tunnels, queuedBytes } = core.inspect(1);
    expect(streams.entries).toMatchObject([
      { name: 'NAME-3', isStalled: true, toListener: { bytes: 0, queuedBytes: credit, heldBackBy: 'relay' } },
    ]);
    expect(tunnels.entries).toMatchObject([{ number: 6, queuedBytes: credit }]);
    expect(queuedBytes).toBe(credit);
    listener.frames();
    clients[3]?.frames();
    expect(core.inspect(1).streams.entries).toMatchObject([{ name: 'NAME-0', isStalled: false }]);
  });

  test('names say since when, and whether their listener is away', () => {
    const clock = { now: 0 };
    const { core } = makeRelay({}, clock);
    const listener = new CorePeer(core, {}, 0, 'listener');
    clock.now = 5_000;
    listener.listen('KEPT', { owner: 'me' });
    clock.now = 8_000;
    listener.connection.lost(new TrunklineError('CONNECTION_LOST', 'gone'));
    const { names, at, startedAt } = core.inspect();
    expect(names.entries).toMatchObject([{ name: 'KEPT', state: 'reserved' }]);
    expect(Date.parse(at) - Date.parse(names.entries[0]?.since ?? '')).toBe(3_000);
    expect(Date.parse(at) - Date.parse(startedAt)).toBe(8_000);
  });
});
