import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect as tcpConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createRelay, type Relay } from '../../relay/index.js';
import { connectTunnel, StreamClient, StreamServer, type Tunnel } from '../../src/index.js';
import { listenOnFreePort } from '../support/free-port.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { RawPeer } from '../support/raw-peer.js';

checkLeaksAfterEach();

const open: { server?: Server; relays: Relay[]; tunnels: Tunnel[] } = { relays: [], tunnels: [] };
afterEach(async () => {
  for (const tunnel of open.tunnels.splice(0)) tunnel.close();
  for (const relay of open.relays.splice(0)) await relay.close();
  open.server?.closeAllConnections();
  await new Promise((resolve) => open.server?.close(resolve));
});

function relayOn(server: Server, path?: string): Relay {
  const relay = createRelay().install(server, path);
  open.relays.push(relay);
  return relay;
}

async function start(server: Server = createServer()): Promise<{ server: Server; origin: string }> {
  open.server = server;
  return { server, origin: `127.0.0.1:${await listenOnFreePort(server)}` };
}

function dial(url: string, options = {}): Tunnel {
  const tunnel = connectTunnel(url, options);
  open.tunnels.push(tunnel);
  return tunnel;
}

/** One stream from listen to the end, through the relay at that URL. */
async function works(url: string, name = 'WORKS', options = {}): Promise<void> {
  const listener = StreamServer(dial(url, options), (stream) => stream.end(`served by ${name}`)).listen(name);
  await listener.ready;
  const stream = StreamClient(dial(url, options)).connect(name);
  stream.end();
  const [answer] = (await once(stream, 'data')) as [Buffer];
  expect(answer.toString()).toBe(`served by ${name}`);
  await finished(stream.resume());
  await listener.close();
}

async function get(url: string, method = 'GET'): Promise<{ status: number; body: string }> {
  const outgoing = request(url, { method, agent: false }).end();
  const [response] = (await once(outgoing, 'response')) as [import('node:http').IncomingMessage];
  let body = '';
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode!, body };
}

async function upgradeStatus(url: string, protocols = ['trunkline.1']): Promise<number> {
  const socket = new WebSocket(url, protocols);
  socket.on('error', () => {});
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
  socket.terminate();
  return response.statusCode;
}

describe('several on one server', () => {
  it('relays on different paths know nothing of each other', async () => {
    const { server, origin } = await start();
    const [first, second] = [relayOn(server, '/one'), relayOn(server, '/two')];
    const listener = StreamServer(dial(`ws://${origin}/one`), () => {}).listen('NAME');
    await listener.ready;
    expect([first.servers(), second.servers()]).toEqual([['NAME'], []]);
    await works(`ws://${origin}/two`, 'NAME');
    const stream = StreamClient(dial(`ws://${origin}/two`)).connect('NAME');
    await expect(stream.opened).rejects.toMatchObject({ code: 'NO_LISTENER' });
  });

  it('the same path twice is an Error, and the first one stays', async () => {
    const { server, origin } = await start();
    relayOn(server);
    const second = createRelay();
    expect(() => second.install(server)).toThrowError(/\/trunkline/);
    expect(() => second.install(server, '/trunkline/')).toThrowError(/\/trunkline/);
    await second.close();
    await works(`ws://${origin}/trunkline`);
  });

  it('one relay on two paths and two servers is one relay', async () => {
    const { server, origin } = await start();
    const other = createServer();
    const otherPort = await listenOnFreePort(other);
    relayOn(server, '/a').install(server, '/b').install(other, '/c');
    const listener = StreamServer(dial(`ws://${origin}/a`), (stream) => stream.end('here')).listen('NAME');
    await listener.ready;
    for (const url of [`ws://${origin}/b`, `ws://127.0.0.1:${otherPort}/c`]) {
      const stream = StreamClient(dial(url)).connect('NAME');
      stream.end();
      await finished(stream.resume());
    }
    for (const tunnel of open.tunnels) tunnel.close();
    for (const relay of open.relays) await relay.close();
    other.closeAllConnections();
    await new Promise((resolve) => other.close(resolve));
  });

  it.each(['before', 'after'])(
    'another WebSocket server, whose handler was added %s, keeps its own path',
    async (when) => {
      const { server, origin } = await start();
      const other = new WebSocketServer({ noServer: true });
      other.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)));
      const install = (): void => {
        server.on('upgrade', (incoming, socket, head) => {
          if (incoming.url !== '/chat') return;
          other.handleUpgrade(incoming, socket, head, (webSocket) => other.emit('connection', webSocket, incoming));
        });
      };
      if (when === 'before') install();
      relayOn(server);
      if (when === 'after') install();
      const chat = new WebSocket(`ws://${origin}/chat`);
      await once(chat, 'open');
      chat.send('hi');
      const [answer] = (await once(chat, 'message')) as [Buffer];
      expect(answer.toString()).toBe('echo hi');
      // Nobody answers on that path any more once the relay is closed: no tunnel is to try it again.
      await works(`ws://${origin}/trunkline`, 'WORKS', { resumeWindowMs: 0 });
      await open.relays[0]!.close();
      chat.send('still here');
      const [again] = (await once(chat, 'message')) as [Buffer];
      expect(again.toString()).toBe('echo still here');
      chat.close();
      await once(chat, 'close');
      other.close();
    },
  );
});

describe('paths', () => {
  it.each(['/', '/a', '/a/', '/a/b/c'])('%s, with and without a slash at the end and a query', async (path) => {
    const { server, origin } = await start();
    relayOn(server, path);
    const base = `ws://${origin}${path === '/' ? '' : path.replace(/\/$/, '')}`;
    await works(base);
    await works(`${base}/`);
    await works(`${base}/?v=1&x=/other`);
  });

  it.each(['', 'trunkline', '/a b', '/a?b', '/a#b', undefined as unknown as string])('%j is none', (path) => {
    const server = createServer();
    const relay = createRelay();
    if (path === undefined) expect(() => relay.install(server, null as never)).toThrowError(TypeError);
    else expect(() => relay.install(server, path)).toThrowError(TypeError);
    expect(server.listenerCount('upgrade')).toBe(0);
  });

  it('an upgrade elsewhere gets 404 when nobody else listens', async () => {
    const { server, origin } = await start();
    relayOn(server);
    expect(await upgradeStatus(`ws://${origin}/other`)).toBe(404);
    expect(await upgradeStatus(`ws://${origin}/trunkline/deeper`)).toBe(404);
    expect(await upgradeStatus(`ws://${origin}/trunklines`)).toBe(404);
    await works(`ws://${origin}/trunkline`);
  });

  it('an upgrade elsewhere is left to whoever else listens', async () => {
    const { server, origin } = await start();
    relayOn(server);
    server.on('upgrade', (incoming, socket) => {
      if (incoming.url === '/other') socket.end('HTTP/1.1 418 Teapot\r\nConnection: close\r\n\r\n');
    });
    expect(await upgradeStatus(`ws://${origin}/other`)).toBe(418);
  });
});

describe("the application's own requests", () => {
  it.each(['before', 'after'])('reach its handler, added %s the relay, and the script does not', async (when) => {
    const { server, origin } = await start();
    const seen: string[] = [];
    const install = (): void => {
      server.on('request', (incoming, response) => {
        seen.push(incoming.url!);
        response.writeHead(404).end('from the application');
      });
    };
    if (when === 'before') install();
    relayOn(server);
    if (when === 'after') install();
    for (const path of ['/', '/trunkline', '/trunkline/other.js', '/trunklines/trunkline.js']) {
      expect(await get(`http://${origin}${path}`)).toEqual({ status: 404, body: 'from the application' });
    }
    await get(`http://${origin}/trunkline/trunkline.js`);
    expect(seen).toEqual(['/', '/trunkline', '/trunkline/other.js', '/trunklines/trunkline.js']);
  });
});

describe('close()', () => {
  it('gives the server back as it was', async () => {
    const { server, origin } = await start();
    server.on('request', (_incoming, response) => response.end('application'));
    const before = {
      own: Object.getOwnPropertyNames(server).sort(),
      emit: server.emit,
      listeners: server.eventNames().map((event) => [event, server.listeners(event)]),
    };
    const [first, second] = [relayOn(server, '/one'), relayOn(server, '/two')];
    await first.close();
    await works(`ws://${origin}/two`);
    await second.close();
    expect({
      own: Object.getOwnPropertyNames(server).sort(),
      emit: server.emit,
      listeners: server.eventNames().map((event) => [event, server.listeners(event)]),
    }).toEqual(before);
    expect(server.listening).toBe(true);
    expect(await get(`http://${origin}/one/trunkline.js`)).toEqual({ status: 200, body: 'application' });
    relayOn(server, '/one');
    await works(`ws://${origin}/one`);
  });

  it('leaves an emit that somebody else has wrapped around ours in place', async () => {
    const { server, origin } = await start();
    server.on('request', (_incoming, response) => response.end('application'));
    const relay = relayOn(server);
    const events: string[] = [];
    const wrapped = server.emit;
    server.emit = function (this: Server, event: string, ...args: unknown[]) {
      events.push(event);
      return Reflect.apply(wrapped, this, [event, ...args]) as boolean;
    } as typeof server.emit;
    await relay.close();
    expect(await get(`http://${origin}/trunkline/trunkline.js`)).toEqual({ status: 200, body: 'application' });
    expect(events).toContain('request');
  });
});

describe('other ways to mount', () => {
  it('by hand: a server that routes upgrades itself', async () => {
    const { server, origin } = await start();
    const relay = createRelay();
    open.relays.push(relay);
    server.on('upgrade', (incoming, socket, head) => relay.handleUpgrade(incoming, socket, head));
    await works(`ws://${origin}/wherever`);
    await relay.close();
    expect(await upgradeStatus(`ws://${origin}/wherever`)).toBe(503);
  });

  it('on https', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'trunkline-https-'));
    const [keyFile, certFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const files = ['-keyout', keyFile, '-out', certFile];
    execFileSync('openssl', ['req', '-x509', '-days', '2', ...curve, ...subject, ...files], { stdio: 'ignore' });
    const [key, cert] = [readFileSync(keyFile), readFileSync(certFile)];
    rmSync(directory, { recursive: true });
    const { server, origin } = await start(createHttpsServer({ key, cert }));
    relayOn(server);
    await works(`https://${origin}/trunkline`, 'SECURE', { ws: { ca: cert } });
    const untrusted = dial(`wss://${origin}/trunkline`);
    expect((await untrusted.closed).code).toBe('CONNECTION_LOST');
  });

  it('survives a client that leaves during the upgrade', async () => {
    const { server, origin } = await start();
    relayOn(server);
    const [host, port] = origin.split(':') as [string, string];
    for (let count = 0; count < 20; count++) {
      const socket = tcpConnect(Number(port), host);
      socket.on('error', () => {});
      socket.write(
        `GET /trunkline HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16, count).toString('base64')}\r\nSec-WebSocket-Protocol: trunkline.1\r\n\r\n`,
      );
      await once(socket, 'connect');
      socket.resetAndDestroy();
    }
    await works(`ws://${origin}/trunkline`);
  });

  it('agrees on the subprotocol where a client offers several', async () => {
    const { server, origin } = await start();
    relayOn(server);
    const peer = await RawPeer.dial(`ws://${origin}/trunkline`, ['mqtt', 'trunkline.1']);
    expect(peer.socket.protocol).toBe('trunkline.1');
    expect(peer.socket.extensions).toBe('');
    await peer.close();
  });
});
