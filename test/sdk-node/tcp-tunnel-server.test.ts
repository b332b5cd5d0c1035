import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { connectTcp, listenTcp } from '../../src/sdk-node/index.js';
import { FOR_LOCALHOST } from '../support/certificates.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { cleanups, echoStreams, endTunnelsAfterEach, portOf, track, trackDialed } from './tunnel-fixture.js';

checkLeaksAfterEach();
endTunnelsAfterEach();

const HERE = { port: 0, host: '127.0.0.1' };

describe('close', () => {
  it('before it listens: it never will', async () => {
    const server = listenTcp({ port: 0, host: 'localhost' });
    const closed = once(server, 'close');
    await server.close();
    await closed;
    expect(server.address()).toBeNull();
  });

  it('of one that could not listen', async () => {
    const taken = createServer();
    taken.listen(0, '127.0.0.1');
    await once(taken, 'listening');
    cleanups.push(() => new Promise((resolve) => taken.close(resolve)));
    const server = listenTcp({ ...HERE, port: portOf(taken) });
    expect((await once(server, 'error'))[0]).toMatchObject({ code: 'EADDRINUSE' });
    await server.close();
  });

  it('frees the port, and says why to each tunnel', async () => {
    const { server } = track(listenTcp(HERE));
    await once(server, 'listening');
    const port = portOf(server);
    const tunnel = trackDialed(connectTcp(port, '127.0.0.1'));
    await tunnel.opened;
    await server.close('enough');
    expect(await tunnel.closed).toMatchObject({ code: 'TUNNEL_CLOSED', message: 'enough' });
    const { server: next } = track(listenTcp({ ...HERE, port }));
    await once(next, 'listening');
  });
});

describe('who says nothing', () => {
  it.each([
    ['TCP', {}],
    ['TLS', { tls: FOR_LOCALHOST }],
  ])('over %s is cut off after the handshake timeout', async (_what, options) => {
    const { server } = track(listenTcp(HERE, { handshakeTimeoutMs: 100, ...options }));
    await once(server, 'listening');
    const socket = connect(portOf(server), '127.0.0.1').on('error', () => {});
    await once(socket.resume(), 'close');
    expect(server.tunnels.size).toBe(0);
  });
});

it('onTunnel may stand in the place of the options', async () => {
  const sockets: unknown[] = [];
  const { server } = track(
    listenTcp(HERE, (tunnel, socket) => {
      sockets.push(socket);
      echoStreams(tunnel);
    }),
  );
  await once(server, 'listening');
  const tunnel = trackDialed(connectTcp({ port: portOf(server), host: '127.0.0.1' }));
  const stream = tunnel.createStream();
  stream.end('there and back');
  expect(String(Buffer.concat(await stream.toArray()))).toBe('there and back');
  expect(sockets).toMatchObject([{ remoteAddress: '127.0.0.1' }]);
});

it.each([
  [{ maxTunnels: 0 }, RangeError],
  [{ modes: [] }, TypeError],
])('options that make no sense leave no server behind: %j', (options, error) => {
  expect(() => listenTcp(HERE, options)).toThrow(error);
});

it.each([
  [() => listenTcp({ port: 100_000 })],
  [() => connectTcp(100_000)],
  [() => connectTcp(1, { keepBrokenTunnelMs: -1 })],
])('numbers out of range are thrown: %s', (call) => {
  expect(call).toThrow(RangeError);
});
