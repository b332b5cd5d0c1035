import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, createServer as createNetServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { TunnelRequest, TunnelStream } from '../../src/index.js';
import { TunnelServer, type TunnelServerOptions } from '../../src/sdk-node/index.js';
import { listenOnFreePort } from '../support/free-port.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';
import {
  cleanups,
  dial,
  endTunnelsAfterEach,
  networkTo,
  portOf,
  type Served,
  serve,
  track,
  tunnelPair,
} from './tunnel-fixture.js';

checkLeaksAfterEach();
endTunnelsAfterEach();

/** What an HTTP server says to these lines, until it closes. */
async function answerTo(served: Served, headers: string[]): Promise<string> {
  const socket = connect(portOf(served.server), '127.0.0.1');
  cleanups.push(() => socket.destroy());
  socket.write(['GET / HTTP/1.1', 'Host: here', ...headers, '', ''].join('\r\n'));
  let answer = '';
  socket.setEncoding('utf8').on('data', (text) => {
    answer += text;
  });
  await once(socket, 'close');
  return answer;
}

const neverMind = (): void => {};
const UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Protocol: trunkline.1'];

describe('an upgrade that makes no sense', () => {
  it('is answered, and its socket closed', async () => {
    const served = await serve();
    expect(await answerTo(served, [...UPGRADE, 'Sec-WebSocket-Version: 13'])).toContain('HTTP/1.1 400');
    expect(await answerTo(served, [...UPGRADE, 'Sec-WebSocket-Version: 99'])).toContain('HTTP/1.1 400');
    served.server.on('wsClientError', neverMind).off('wsClientError', neverMind);
    expect(await answerTo(served, [...UPGRADE, 'Sec-WebSocket-Version: 13'])).toContain('HTTP/1.1 400');
    expect(await answerTo(served, UPGRADE.slice(0, 2))).toContain('speaks the WebSocket subprotocol trunkline.1');
  });

  it('is left to whoever listens to wsClientError', async () => {
    const served = await serve();
    served.server.on('wsClientError', (error: Error, socket: Socket, request: IncomingMessage) =>
      socket.end(`HTTP/1.1 418 ${error.message} ${request.url}\r\n\r\n`),
    );
    expect(await answerTo(served, [...UPGRADE, 'Sec-WebSocket-Version: 13'])).toMatch(/^HTTP\/1.1 418 .*Key.* \/\r/);
  });
});

describe('options that make no sense', () => {
  it.each<[string, TunnelServerOptions | undefined]>([
    ['nothing to listen on', undefined],
    ['and nothing else', {}],
    ['two to listen on', { port: 0, noServer: true }],
  ])('%s', (_what, options) => {
    expect(() => new TunnelServer(options)).toThrow(/One and only one of the "port", "server", or "noServer"/);
  });

  it.each<[object, string]>([
    [{ maxPayload: 1000 }, 'maxPayload must be at least 20480, not 1000'],
    [{ maxTunnels: 0 }, 'maxTunnels'],
    [{ heartbeat: { intervalMs: 0 } }, 'heartbeat.intervalMs'],
    [{ keepBrokenTunnelMs: 0.5 }, 'keepBrokenTunnelMs'],
    [{ idleTimeoutMs: -1 }, 'idleTimeoutMs'],
    [{ limits: { maxStreams: 0 } }, 'limits.maxStreams'],
  ])('%j', (options, message) => {
    expect(() => new TunnelServer({ noServer: true, ...options })).toThrow(RangeError);
    expect(() => new TunnelServer({ noServer: true, ...options })).toThrow(message);
  });
});

describe('options of another kind', () => {
  it.each<[object, string]>([
    [{ modes: [] }, 'modes are some of multi and stream, not []'],
    [{ modes: 'multi' }, 'modes are some of multi and stream, not "multi"'],
    [{ accept: true }, 'accept must be a function'],
    [{ handleProtocols: 'chat' }, 'handleProtocols must be a function'],
  ])('%j', (options, message) => {
    expect(() => new TunnelServer({ noServer: true, ...options })).toThrow(new TypeError(message));
  });
});

describe('a port that is taken', () => {
  it('is an error event, and close comes to its end', async () => {
    const { server } = await serve();
    const second = new TunnelServer({ port: portOf(server), host: '127.0.0.1' });
    const [error] = await once(second, 'error');
    expect(error).toMatchObject({ code: 'EADDRINUSE' });
    await second.close();
  });
});

describe('handleProtocols', () => {
  it('is asked once for each WebSocket that is no tunnel, and not without anything to pick from', async () => {
    const asked: string[][] = [];
    const { url, server } = await serve({
      handleProtocols: (protocols) => {
        asked.push([...protocols]);
        return 'chat';
      },
    });
    server.on('connection', (webSocket: WebSocket) => webSocket.on('message', (text) => webSocket.send(`${text}!`)));
    const chat = new WebSocket(url, ['news', 'chat']);
    await once(chat, 'open');
    expect(chat.protocol).toBe('chat');
    chat.send('hello');
    expect(String((await once(chat, 'message'))[0])).toBe('hello!');
    expect(asked).toEqual([['news', 'chat']]);
    const bare = new WebSocket(url);
    expect(((await once(bare, 'error'))[0] as Error).message).toBe('Unexpected server response: 400');
    expect(asked.length).toBe(1);
    chat.close();
    await once(chat, 'close');
  });

  it('that throws for a WebSocket refuses it, and is told', async () => {
    const { url, server } = await serve({
      handleProtocols: () => {
        throw new Error('made up');
      },
    });
    const failed = once(server, 'error');
    const chat = new WebSocket(url, ['chat']);
    expect(((await once(chat, 'error'))[0] as Error).message).toBe('Unexpected server response: 400');
    expect((await failed)[0]).toMatchObject({ code: 'INTERNAL', cause: { message: 'made up' } });
  });

  it('that throws for a tunnel, or picks what was not offered: nothing is spoken, and the first is told', async () => {
    const errors: unknown[] = [];
    const { url, server } = await serve({
      handleProtocols: (protocols) => {
        if (protocols.has('broken')) throw new Error('made up');
        return 'something else';
      },
    });
    server.on('error', (error) => errors.push(error));
    for (const protocols of [['broken'], ['fine']]) {
      const tunnel = dial(url, { protocols });
      await tunnel.opened;
      expect(tunnel.protocol).toBeUndefined();
    }
    expect(errors).toMatchObject([{ code: 'INTERNAL' }]);
  });
});

describe('close', () => {
  it('resolves when the port is free and all that was connected is gone', async () => {
    const served = await serve({ handleProtocols: (protocols) => protocols.has('chat') && 'chat' });
    const port = portOf(served.server);
    const chat = new WebSocket(served.url, ['chat']);
    await once(chat, 'open');
    const goodbye = once(chat, 'close');
    const { here } = await tunnelPair(served);
    await served.server.close();
    expect(served.server.clients.size).toBe(0);
    expect((await goodbye)[0]).toBe(1001);
    expect((await here.closed).code).toBe('TUNNEL_CLOSED');
    const next = createServer();
    next.listen(port, '127.0.0.1');
    await once(next, 'listening');
    await new Promise((resolve) => next.close(resolve));
    await served.server.close();
  });

  it('leaves the http server of others alone, which goes on without it', async () => {
    const http = createServer((_request, response) => response.end('http'));
    const port = await listenOnFreePort(http);
    cleanups.push(() => new Promise((resolve) => http.close(resolve)));
    const { server, accepted } = track(new TunnelServer({ server: http, path: '/tunnel' }));
    const url = `ws://127.0.0.1:${port}/tunnel`;
    const tunnel = dial(url);
    await tunnel.opened;
    expect(accepted.length).toBe(1);
    await server.close();
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { Connection: 'close' } });
    expect(await response.text()).toBe('http');
    await using again = new TunnelServer({ server: http });
    const another = dial(url);
    await another.opened;
    expect(again.tunnels.size).toBe(1);
  });

  it('a returning dialer, and one in its handshake, are turned away', async () => {
    const served = await serve();
    const waiting = await RawPeer.dial(served.url);
    const closed = served.server.close();
    expect(await waiting.goaway()).toMatchObject({ code: 'GOING_AWAY' });
    await closed;
  });
});

describe('accept', () => {
  it('is asked with all that is known of a dialer, and again when it comes back', async () => {
    const asked: TunnelRequest[] = [];
    const served = await serve({ accept: async (request) => asked.push(request) > 0 });
    const proxy = await networkTo(served.url);
    const { here } = await tunnelPair(served, { token: 'secret', protocols: ['v2', 'v1'] }, proxy.url);
    const resumed = once(here, 'resume');
    proxy.cut();
    await resumed;
    expect(asked).toMatchObject([
      { token: 'secret', mode: 'multi', protocols: ['v2', 'v1'], isReturning: false },
      { token: 'secret', mode: 'multi', protocols: ['v2', 'v1'], isReturning: true },
    ]);
    expect((asked[0]!.request as IncomingMessage).headers['sec-websocket-protocol']).toBe('trunkline.1');
  });

  it('refuses with a code of the application', async () => {
    const { url } = await serve({
      accept: ({ token }) => token === 'good' || { code: 'STRANGER', text: 'friends only' },
    });
    await expect(dial(url).opened).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      appCode: 'STRANGER',
      message: 'friends only',
    });
    await expect(dial(url, { token: 'bad' }).opened).rejects.toMatchObject({ code: 'FORBIDDEN', appCode: 'STRANGER' });
    await dial(url, { token: 'good' }).opened;
  });

  it('that throws, or answers nothing that is an answer, refuses; the first is told', async () => {
    const errors: unknown[] = [];
    const { url, server } = await serve({
      accept: ({ token }) => {
        if (token === 'throw') throw new Error('made up');
        return undefined;
      },
    });
    server.on('error', (error) => errors.push(error));
    await expect(dial(url, { token: 'throw' }).opened).rejects.toMatchObject({ code: 'INTERNAL' });
    await expect(dial(url).opened).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(errors).toMatchObject([{ code: 'INTERNAL', cause: { message: 'made up' } }]);
  });

  it('that takes long: the dialer leaves, or the server closes, and nothing comes of it', async () => {
    const answers: ((answer: boolean) => void)[] = [];
    const served = await serve({ accept: () => new Promise((resolve) => answers.push(resolve)) });
    const leaving = dial(served.url);
    await until(() => answers.length === 1, 'the first question');
    leaving.close();
    const staying = dial(served.url);
    await until(() => answers.length === 2, 'the second question');
    const closing = served.server.close();
    for (const answer of answers) answer(true);
    await closing;
    expect((await staying.closed).code).toBe('GOING_AWAY');
    expect([served.accepted.length, served.server.tunnels.size]).toEqual([0, 0]);
  });
});

describe('maxTunnels', () => {
  it('past it a new dialer is refused, and one that comes back is not', async () => {
    const served = await serve({ maxTunnels: 2 });
    const proxy = await networkTo(served.url);
    const first = await tunnelPair(served, {}, proxy.url);
    const second = await tunnelPair(served);
    await expect(dial(served.url).opened).rejects.toMatchObject({ code: 'LIMIT_RATE' });
    const resumed = once(first.here, 'resume');
    proxy.cut();
    await resumed;
    second.here.close();
    await second.there.closed;
    await tunnelPair(served);
  });
});

describe('windows that differ', () => {
  it('the server has forgotten a dialer that comes back late: the same tunnel for it, a new one here', async () => {
    const served = await serve({ keepBrokenTunnelMs: 50 });
    const proxy = await networkTo(served.url);
    const { here, there } = await tunnelPair(served, { keepBrokenTunnelMs: 60_000 }, proxy.url);
    there.on('stream', (stream: TunnelStream) => stream.on('error', () => {}));
    const stream = here.createStream();
    await stream.opened;
    const failed = once(stream, 'error');
    proxy.refuse();
    proxy.cut();
    expect(await there.closed).toMatchObject({ code: 'RESUME_EXPIRED' });
    const resumed = once(here, 'resume');
    proxy.admit();
    await resumed;
    expect((await failed)[0]).toMatchObject({ code: 'RESUME_UNKNOWN' });
    await until(() => served.accepted.length === 2, 'another tunnel');
    expect(served.accepted[1]).not.toBe(there);
    served.accepted[1]!.on('stream', (another: TunnelStream) => another.pipe(another));
    const another = here.createStream();
    another.end('goes on');
    expect(String(Buffer.concat(await another.toArray()))).toBe('goes on');
  });
});

it('what a TCP client sends that is no HTTP ends with it', async () => {
  const served = await serve();
  const socket = connect(portOf(served.server), '127.0.0.1');
  socket.on('error', () => {});
  socket.end('nonsense\r\n\r\n');
  await once(socket.resume(), 'close');
  expect(served.server.tunnels.size).toBe(0);
});

it('works without new', async () => {
  const { server } = track(TunnelServer({ port: 0 }));
  expect(server).toBeInstanceOf(TunnelServer);
  await once(server, 'listening');
});

it('the callback is called once it listens', async () => {
  await new Promise<void>((resolve) => {
    track(new TunnelServer({ port: 0 }, resolve));
  });
});

it('a net server of others is none of its business', () => {
  expect(() => new TunnelServer({ server: createNetServer() as never, noServer: true })).toThrow(TypeError);
});

describe('verifyClient that throws', () => {
  const hooks: [string, NonNullable<TunnelServerOptions['verifyClient']>][] = [
    ['at once', (_info: object) => broken()],
    ['instead of calling back', (_info: object, _callback: object) => void broken()],
  ];
  function broken(): boolean {
    throw new Error('made up');
  }

  it.each(hooks)('%s, refuses, and is told', async (_what, verifyClient) => {
    const { url, server } = await serve({ verifyClient });
    const failed = once(server, 'error');
    const webSocket = new WebSocket(url, 'trunkline.1');
    expect(((await once(webSocket, 'error'))[0] as Error).message).toBe('Unexpected server response: 500');
    expect((await failed)[0]).toMatchObject({ code: 'INTERNAL', cause: { message: 'made up' } });
  });
});

it('without maxPayload, or with none at all said, what is no message of a tunnel is cut off', async () => {
  const { url } = await serve({ maxPayload: undefined as never });
  const peer = await RawPeer.dial(url);
  peer.socket.send(Buffer.alloc(1024 * 1024));
  expect((await peer.closed).code).toBe(1009);
});

it('a dialer that comes back and is refused by verifyClient for good dials no more', async () => {
  let isWelcome = true;
  const served = await serve({ verifyClient: () => isWelcome });
  const proxy = await networkTo(served.url);
  const { here, there } = await tunnelPair(served, {}, proxy.url);
  isWelcome = false;
  proxy.cut();
  expect(await here.closed).toMatchObject({ code: 'UNAUTHENTICATED', message: expect.stringContaining('401') });
  expect(there.state).toBe('suspended');
  there.close();
  await until(() => proxy.connections.length === 0, 'the end of the refused connection');
});
