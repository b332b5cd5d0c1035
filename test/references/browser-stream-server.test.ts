// browser-stream-server: named stream servers in pages, through a relay. Its document, ported and run for real.
// Real browsers do the same in e2e/, and every example of README.md in a page is run by test/docs.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createRelay } from '../../relay/index.js';
import { connectTunnel, type Offer, StreamClient, StreamServer, type TunnelStream } from '../../src/index.js';
import { echoOf } from '../sdk-node/tunnel-fixture.js';
import { listenOnFreePort } from '../support/free-port.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

it('the examples: a server and a client in separate pages, and the proxy between them', async () => {
  const log: string[] = [];

  // proxy server
  const someHttpServer = createServer();
  const proxy = createRelay().install(someHttpServer, '/boot');
  const url = `http://127.0.0.1:${await listenOnFreePort(someHttpServer)}/boot`;

  // browser server
  const serverTunnel = connectTunnel(url);
  StreamServer(serverTunnel, (stream) => {
    stream.on('data', (data) => log.push(`[SERVER] ${data}`));
    stream.end('from server');
  }).listen('SERVER_NAME');
  await once(proxy, 'server.created');

  // browser client
  const clientTunnel = connectTunnel(url);
  const stream = StreamClient(clientTunnel).connect('SERVER_NAME');
  stream.on('data', (data) => log.push(`[CLIENT] ${data}`));
  stream.end('from client');

  await once(stream, 'close');
  await until(() => proxy.stats().splices.active === 0, 'that both sides are done');
  expect(log.sort()).toEqual(['[CLIENT] from server', '[SERVER] from client']);
  for (const tunnel of [clientTunnel, serverTunnel]) tunnel.close();
  await proxy.close();
  await new Promise((resolve) => someHttpServer.close(resolve));
});

describe('StreamClient(mdm, options).connect(serverName)', () => {
  it('a server that is not running: the stream is closed, and its error says why', async () => {
    const fixture = await startRelay();
    const stream = StreamClient(fixture.dial()).connect('NOBODY');
    const closed = new Promise((resolve) => stream.once('close', resolve));
    await expect(stream.opened).rejects.toMatchObject({ code: 'NO_LISTENER', retryable: true });
    await closed;
  });

  it('or one that comes later is waited for', async () => {
    const fixture = await startRelay();
    const stream = StreamClient(fixture.dial()).connect('LATER', { waitMs: 60_000 });
    await until(() => fixture.relay.stats().connects.pending === 1, 'that it waits');
    await fixture.listen('LATER', (each) => each.pipe(each));
    expect(await echoOf(stream, 'at last')).toBe('at last');
  });

  it('prefix: the path of the relay, the same for the server and the client', async () => {
    const server = createServer();
    const relays = ['/browser-server', '/somePrefix'].map((prefix) => createRelay().install(server, prefix));
    const port = await listenOnFreePort(server);
    const tunnels = ['/somePrefix', '/somePrefix', '/browser-server'].map((prefix) =>
      connectTunnel(`ws://127.0.0.1:${port}${prefix}`),
    );
    const [listening, same, other] = tunnels.map((tunnel) => ({ tunnel, client: StreamClient(tunnel) }));
    const listener = StreamServer(listening!.tunnel, (stream) => stream.pipe(stream)).listen('NAME');
    await listener.ready;
    expect(await echoOf(same!.client.connect('NAME'), 'same prefix')).toBe('same prefix');
    await expect(other!.client.connect('NAME').opened).rejects.toMatchObject({ code: 'NO_LISTENER' });
    for (const tunnel of tunnels) tunnel.close();
    for (const relay of relays) await relay.close();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('StreamServer(mdm, options, callback).listen(serverName)', () => {
  it('the callback is called every time someone connects; options are optional', async () => {
    const fixture = await startRelay();
    const streams: TunnelStream[] = [];
    const takes = (stream: TunnelStream): void => {
      streams.push(stream);
      stream.pipe(stream);
    };
    const tunnel = fixture.dial();
    for (const listener of [
      StreamServer(tunnel, takes).listen('WITHOUT'),
      StreamServer(tunnel, { meta: { version: 1 } }, takes).listen('WITH'),
    ]) {
      fixture.listeners.push(listener);
      await listener.ready;
    }
    const client = StreamClient(fixture.dial());
    for (const name of ['WITHOUT', 'WITH', 'WITH']) {
      const stream = client.connect(name, { meta: 'who I am' });
      expect(await echoOf(stream, name)).toBe(name);
      expect(stream.meta).toEqual(name === 'WITH' ? { version: 1 } : null);
    }
    expect(streams.map(({ name, meta }) => [name, meta])).toEqual(
      ['WITHOUT', 'WITH', 'WITH'].map((name) => [name, 'who I am']),
    );
  });

  it('a name that is taken: the second is told, and the first goes on', async () => {
    const fixture = await startRelay();
    await fixture.listen('NAME', (stream) => stream.pipe(stream));
    const second = StreamServer(fixture.dial(), () => {}).listen('NAME');
    await expect(second.ready).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    expect(await echoOf(StreamClient(fixture.dial()).connect('NAME'), 'still here')).toBe('still here');
  });

  it('to close the server just .end() it: streams go on, and the name is free', async () => {
    const fixture = await startRelay();
    const listener = await fixture.listen('NAME', (stream) => stream.pipe(stream));
    const client = StreamClient(fixture.dial());
    const stream = client.connect('NAME');
    await stream.opened;
    const destroyed = once(fixture.relay, 'server.destroyed');
    listener.end();
    expect(await destroyed).toEqual(['NAME']);
    await expect(client.connect('NAME').opened).rejects.toMatchObject({ code: 'NO_LISTENER' });
    expect(await echoOf(stream, 'goes on')).toBe('goes on');
    await fixture.listen('NAME', () => {});
  });
});

describe('StreamServerProxy(prefix)', () => {
  it('server.created and server.destroyed, with the name', async () => {
    const fixture = await startRelay();
    const { relay } = fixture;
    const events: string[] = [];
    relay.on('server.created', (serverName) => events.push(`created ${serverName}`));
    relay.on('server.destroyed', (serverName) => events.push(`destroyed ${serverName}`));
    const tunnel = fixture.dial();
    const listener = await fixture.listen('ONE', () => {}, {}, tunnel);
    await fixture.listen('TWO', () => {}, {}, tunnel);
    expect(relay.servers().sort()).toEqual(['ONE', 'TWO']);
    await listener.close();
    tunnel.close();
    await until(
      () => events.length === 4,
      () => `four events, not ${events}`,
    );
    expect(events).toEqual(['created ONE', 'created TWO', 'destroyed ONE', 'destroyed TWO']);
  });

  it('proxy.connect("serverName"): from inside the proxy, as a client', async () => {
    const fixture = await startRelay();
    await fixture.listen('NAME', (stream) => stream.pipe(stream));
    expect(await echoOf(fixture.relay.connect('NAME'), 'from inside')).toBe('from inside');
    await expect(fixture.relay.connect('NOBODY').opened).rejects.toMatchObject({ code: 'NO_LISTENER' });
  });

  it('many servers, and routes of their own, on one http server', async () => {
    const fixture = await startRelay();
    fixture.server.on('request', (request, response) => {
      if (!response.headersSent && request.url === '/mine') response.end('mine');
    });
    const http = fixture.url.replace('ws:', 'http:').replace('/trunkline', '/mine');
    expect(await (await fetch(http, { headers: { Connection: 'close' } })).text()).toBe('mine');
    await fixture.listen('NAME', (stream) => stream.pipe(stream));
  });
});

describe('how it works', () => {
  it('each client is offered by a unique identifier, and only its server can take it', async () => {
    const fixture = await startRelay();
    const offers: Offer[] = [];
    const accept = (offer: Offer): boolean => {
      offers.push(offer);
      return true;
    };
    await fixture.listen('NAME', (stream) => stream.end(`to ${JSON.stringify(stream.meta)}`).resume(), { accept });
    const client = StreamClient(fixture.dial());
    const answers = Array.from({ length: 20 }, (_, meta) => echoOf(client.connect('NAME', { meta }), ''));
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 20 }, (_, meta) => `to ${meta}`));
    expect(new Set(offers.map(({ id }) => id)).size).toBe(20);
    for (const { id, name } of offers) expect([id, name]).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), 'NAME']);
  });
});
