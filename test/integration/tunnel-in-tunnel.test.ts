// A tunnel inside a stream of another tunnel, which runs through a relay: the outer connections are cut, and the inner
// tunnel notices nothing, since its stream outlives them.
import { createServer } from 'node:http';
import { describe, expect, it } from 'vitest';
import { connectDuplex, connectTunnel, type Tunnel, TunnelAcceptor, type TunnelStream } from '../../src/index.js';
import { TunnelServer } from '../../src/sdk-node/index.js';
import { cleanups, endTunnelsAfterEach, leftOf, track, trackDialed } from '../sdk-node/tunnel-fixture.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { readSeeded, seededSha256, writeSeeded } from '../support/seeded-bytes.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();
endTunnelsAfterEach();

const MIB = 1024 * 1024;

interface Outer {
  fixture: RelayFixture;
  proxies: TcpProxy[];
  client: TunnelStream;
  server: TunnelStream;
}

/** A stream through a relay, each of its ends behind a network of its own. */
async function outerStream(): Promise<Outer> {
  const fixture = await startRelay();
  const proxies = [await TcpProxy.start(fixture.url), await TcpProxy.start(fixture.url)];
  fixture.alsoClose.push(() => Promise.all(proxies.map((proxy) => proxy.close())));
  const [client, server] = proxies.map(({ url }) => fixture.dial({}, url)) as [Tunnel, Tunnel];
  return { fixture, proxies, ...(await fixture.pair('OUTER', { client, server })) };
}

function notices(tunnel: Tunnel): string[] {
  const noticed: string[] = [];
  for (const event of ['suspend', 'resume', 'error', 'close'] as const) tunnel.on(event, () => noticed.push(event));
  return noticed;
}

/** Cuts each of the outer connections in the middle of a transfer both ways inside the inner tunnel. */
async function carriesThroughCuts(inner: Tunnel, far: Tunnel, { proxies, client, server }: Outer): Promise<void> {
  const noticed = [notices(inner), notices(far)];
  const suspended: string[] = [];
  for (const [end, stream] of Object.entries({ client, server })) stream.on('suspend', () => suspended.push(end));
  far.on('stream', (stream: TunnelStream) => stream.pipe(stream));
  const stream = inner.createStream();
  const due = [1, 2, 3, 4].map((count) => count * MIB);
  let received = 0;
  stream.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (received < (due[0] ?? Number.POSITIVE_INFINITY)) return;
    due.shift();
    proxies[due.length % 2]!.cut();
  });
  const [echo] = await Promise.all([readSeeded(stream, 5), writeSeeded(stream, 5, 6 * MIB)]);
  expect(echo).toEqual({ bytes: 6 * MIB, sha256: seededSha256(5, 6 * MIB) });
  expect([noticed, due.length]).toEqual([[[], []], 0]);
  expect(new Set(suspended)).toEqual(new Set(['client', 'server']));
}

async function endOuter({ client, server }: Outer): Promise<void> {
  await until(() => client.closed && server.closed, 'the end of the outer stream');
}

describe('a tunnel inside a stream of another', () => {
  it('as it is: connectDuplex and acceptDuplex', async () => {
    const outer = await outerStream();
    const { server: acceptor, accepted } = track(new TunnelAcceptor());
    acceptor.acceptDuplex(outer.server);
    const inner = trackDialed(connectDuplex(outer.client));
    await inner.opened;
    await carriesThroughCuts(inner, accepted[0] as Tunnel, outer);
    inner.close('enough');
    expect(await accepted[0]!.closed).toMatchObject({ code: 'TUNNEL_CLOSED', message: 'enough' });
    await endOuter(outer);
    expect([outer.client.errored, outer.server.errored]).toEqual([null, null]);
  });

  it('as a WebSocket: createConnection, and an HTTP server that was handed the other end', async () => {
    const outer = await outerStream();
    const { server, accepted } = track(new TunnelServer({ noServer: true }));
    const parser = createServer();
    parser.on('upgrade', (request, duplex, head) => server.handleUpgrade(request, duplex, head));
    parser.emit('connection', outer.server);
    cleanups.push(() => parser.closeAllConnections());
    const inner = trackDialed(connectTunnel('ws://inner/', { ws: { createConnection: () => outer.client } }));
    await inner.opened;
    await carriesThroughCuts(inner, accepted[0] as Tunnel, outer);
    inner.close('enough');
    expect((await accepted[0]!.closed).message).toBe('enough');
    await endOuter(outer);
  });

  it('three deep', async () => {
    const outer = await outerStream();
    let [near, far] = [outer.client, outer.server];
    const inside: Tunnel[] = [];
    for (let depth = 0; depth < 3; depth++) {
      const { server: acceptor, accepted } = track(new TunnelAcceptor());
      acceptor.acceptDuplex(far);
      const inner = trackDialed(connectDuplex(near));
      await inner.opened;
      inside.unshift(inner);
      const taken = new Promise<TunnelStream>((resolve) => accepted[0]!.once('stream', resolve));
      near = inner.createStream({ meta: { depth } });
      far = await taken;
      expect(far.meta).toEqual({ depth });
    }
    far.pipe(far);
    const [echo] = await Promise.all([readSeeded(near, 7), writeSeeded(near, 7, MIB)]);
    expect(echo).toEqual({ bytes: MIB, sha256: seededSha256(7, MIB) });
    // From the inside out, each once the stream that it was the last one of is over.
    for (const tunnel of inside) {
      await until(() => leftOf(tunnel).length === 0, 'that it carries nothing');
      tunnel.close();
    }
    await endOuter(outer);
  });

  it('fails with the outer one, when that is over', async () => {
    const outer = await outerStream();
    const { server: acceptor, accepted } = track(new TunnelAcceptor());
    acceptor.acceptDuplex(outer.server);
    const inner = trackDialed(connectDuplex(outer.client));
    await inner.opened;
    const stream = inner.createStream();
    await expect(stream.opened).rejects.toMatchObject({ code: 'REFUSED' });
    for (const tunnel of outer.fixture.tunnels) tunnel.close('the outer one is closed');
    expect(await inner.closed).toMatchObject({ code: 'CONNECTION_LOST' });
    // It may wait for its dialer, and for that it needs a dialer that can come back.
    expect(await accepted[0]!.closed).toMatchObject({ code: 'CONNECTION_LOST' });
  });
});
