import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import {
  connectTunnel,
  StreamClient,
  StreamServer,
  type TrunklineError,
  type Tunnel,
  type TunnelStream,
} from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { RelayProcess } from '../support/relay-process.js';
import { readSeeded, seededBytes } from '../support/seeded-bytes.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

const BYTES = 100_000;

/** Ten questions and answers: whatever else was on its way has had its time. */
async function roundTrips(stream: TunnelStream): Promise<void> {
  for (let count = 0; count < 10; count++) {
    stream.write('?');
    await once(stream, 'data');
  }
}

function record(stream: TunnelStream): string[] {
  const events: string[] = [];
  for (const event of ['finish', 'end', 'error', 'close']) stream.on(event, () => events.push(event));
  return events;
}

describe("'finish' means delivered", () => {
  it.each([
    { direction: 'toPeer' as const, what: 'the last bytes and END are held up on their way to the listener' },
    { direction: 'toRelay' as const, what: 'END_ACK is held up on its way back' },
  ])('waits while $what', async ({ direction }) => {
    const fixture = await startRelay();
    const proxy = await TcpProxy.start(fixture.url);
    fixture.alsoClose.push(() => proxy.close());
    const client = fixture.dial();
    const { client: stream, server } = await fixture.pair('SLOW', { client, server: fixture.dial({}, proxy.url) });
    const echo = await fixture.pair('ECHO', { client });
    echo.server.pipe(echo.server);
    const events = record(stream);
    const received = readSeeded(server, 1);

    proxy.hold(direction);
    const written = new Promise((resolve) => stream.write(seededBytes(1, 0, BYTES), resolve));
    stream.end();
    await written;
    await until(() => proxy.heldBytes >= (direction === 'toPeer' ? BYTES : 8), 'the proxy to hold it');
    if (direction === 'toRelay') await received;
    await roundTrips(echo.client);
    expect(stream.writableEnded).toBe(true);
    expect(events).toEqual([]);

    proxy.release(direction);
    await once(stream, 'finish');
    expect((await received).bytes).toBe(BYTES);
    server.end();
    echo.client.end();
    await readSeeded(stream, 0);
  });

  it.each([
    { resumeWindowMs: 0, code: 'CONNECTION_LOST' },
    { resumeWindowMs: 300, code: 'RESUME_EXPIRED' },
  ])('never comes when the relay is killed before END_ACK: $code at both ends', async ({ resumeWindowMs, code }) => {
    const relay = await RelayProcess.start();
    const proxy = await TcpProxy.start(relay.url);
    const tunnels: Tunnel[] = [relay.url, proxy.url].map((url) => connectTunnel(url, { resumeWindowMs }));
    const [near, far] = tunnels as [Tunnel, Tunnel];
    const accepted = new Promise<TunnelStream>((resolve) => {
      const listener = StreamServer(far, resolve).listen('KILLED');
      listener.on('error', () => {});
      void listener.ready.then(() => StreamClient(near).connect('KILLED')).then((stream) => streams.push(stream));
    });
    const streams: TunnelStream[] = [];
    const server = await accepted;
    const stream = streams[0]!;
    await stream.opened;
    const [events, serverEvents] = [record(stream), record(server)];
    const serverFailed = once(server, 'error');
    server.resume();

    proxy.hold('toPeer');
    stream.end(seededBytes(1, 0, BYTES));
    await until(() => proxy.heldBytes >= BYTES, 'END to be under way');
    const failed = once(stream, 'error');
    await relay.kill();
    const [error] = (await failed) as [TrunklineError];
    expect(error.code).toBe(code);
    await until(() => stream.closed, 'the stream to close');
    expect(events).toEqual(['error', 'close']);

    proxy.cut();
    await until(() => serverEvents.includes('close'), 'the server side to learn of it');
    expect(serverEvents).toEqual(['error', 'close']);
    expect((await serverFailed)[0]).toMatchObject({ code });
    expect(await Promise.all(tunnels.map((tunnel) => tunnel.closed))).toMatchObject([{ code }, { code }]);
    await proxy.close();
  });
});
