import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { UpgradedSocket } from '../../src/node/framed-websocket.js';
import { UpgradedWebSocket } from '../../src/node/upgraded-websocket.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { until } from '../support/until.js';
import { closeAfterEach, listen, wsServerOn } from './framed-fixture.js';

checkLeaksAfterEach();
closeAfterEach();

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** What `ws` says of it besides. */
function heard(webSocket: WebSocket): string[] {
  const events: string[] = [];
  for (const event of ['open', 'message', 'ping', 'pong', 'error', 'close'])
    webSocket.on(event, () => events.push(event));
  return events;
}

function expectHandedOver({ socket, head }: UpgradedSocket): void {
  sockets.push(socket);
  socket.on('error', () => {});
  expect(socket).toBeInstanceOf(Socket);
  expect(head).toBeInstanceOf(Buffer);
  // Nobody else reads it, and nobody else watches over it.
  expect(socket.listenerCount('data')).toBe(0);
  expect(socket.listenerCount('readable')).toBe(0);
  expect([socket.readableFlowing, socket.destroyed, socket.writable]).toEqual([null, false, true]);
}

describe('the method of ws that is overridden', () => {
  it('is there in the version that is pinned', () => {
    const installed = createRequire(import.meta.url)('ws/package.json') as { version: string };
    const { dependencies } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    // With another version: does `setSocket` do what src/node/framed-websocket.ts does in its place, and nothing more?
    expect([installed.version, dependencies.ws]).toEqual(['8.23.0', '8.23.0']);
    const { setSocket } = WebSocket.prototype as unknown as { setSocket: unknown };
    expect(setSocket).toBeTypeOf('function');
    expect((setSocket as () => void).length).toBe(3);
  });

  it('is called with the socket, and what came behind the handshake, of a client', async () => {
    const server = createServer();
    const accepted = once(wsServerOn(server), 'connection') as Promise<[WebSocket]>;
    const webSocket = new UpgradedWebSocket(`ws://127.0.0.1:${await listen(server)}`, ['trunkline.1']);
    const events = heard(webSocket);
    let isSameTurn = false;
    webSocket.on('upgrade', () => {
      isSameTurn = true;
      process.nextTick(() => {
        isSameTurn = false;
      });
    });
    const upgraded = await new Promise<UpgradedSocket>((resolve) => {
      webSocket.onUpgraded((one) => {
        // What happens to the socket next must find a listener.
        expect(isSameTurn).toBe(true);
        expectHandedOver(one);
        resolve(one);
      });
    });
    const [peer] = await accepted;
    const received = once(upgraded.socket, 'data') as Promise<[Buffer]>;
    peer.send('hi');
    expect(await received).toEqual([Buffer.from([0x81, 2, ...Buffer.from('hi')])]);
    upgraded.socket.destroy();
    await once(peer, 'close');
    expect(events).toEqual([]);
  });

  it('is called with the socket, and what came behind the handshake, of a server, before it calls back', async () => {
    const server = createServer();
    const options = { noServer: true, perMessageDeflate: false, clientTracking: false, WebSocket: UpgradedWebSocket };
    const wsServer = new WebSocketServer(options);
    let events: string[] = [];
    let upgraded: UpgradedSocket | undefined;
    server.on('upgrade', (request, socket, head) => {
      wsServer.handleUpgrade(request, socket, Buffer.concat([head, Buffer.from('head')]), (webSocket) => {
        events = heard(webSocket);
        (webSocket as UpgradedWebSocket).onUpgraded((one) => {
          expect(one.socket).toBe(socket);
          expect(one.head.toString()).toBe('head');
          expectHandedOver(one);
          upgraded = one;
        });
        expect(upgraded).toBeDefined();
      });
    });
    const peer = new WebSocket(`ws://127.0.0.1:${await listen(server)}`, ['trunkline.1']);
    await once(peer, 'open');
    await until(() => upgraded !== undefined, 'the upgrade');
    const received = once(upgraded!.socket, 'data') as Promise<[Buffer]>;
    peer.send('hi');
    expect((await received)[0].subarray(0, 2)).toEqual(Buffer.from([0x81, 0x82]));
    upgraded!.socket.destroy();
    await once(peer, 'close');
    expect(events).toEqual([]);
  });
});

describe('an ordinary WebSocket of `ws`, that keeps its socket, is', () => {
  /** Says something in both directions, and goodbye. */
  async function expectOrdinary(one: WebSocket, other: WebSocket): Promise<void> {
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      const heard = once(to, 'message') as Promise<[Buffer, boolean]>;
      from.send('hello');
      expect([(await heard)[0].toString(), (await heard)[1]]).toEqual(['hello', false]);
    }
    const pong = once(one, 'pong');
    one.ping();
    await pong;
    const closed = [once(one, 'close'), once(other, 'close')];
    one.close(3001, 'done');
    for (const [code, reason] of await Promise.all(closed)) expect([code, String(reason)]).toEqual([3001, 'done']);
  }

  const agreements: [string, string[], object, object][] = [
    ['another subprotocol', ['chat'], {}, { perMessageDeflate: false }],
    ['another one, which the server prefers', ['trunkline.1', 'chat'], {}, { perMessageDeflate: false }],
    ['none', [], {}, { perMessageDeflate: false }],
    ['ours, and deflate', ['trunkline.1'], { perMessageDeflate: true }, { perMessageDeflate: true }],
  ];

  it.each(agreements)('one of a server that agreed on %s', async (_, protocols, ws, peerOptions) => {
    const server = createServer();
    const handleProtocols = (offered: Set<string>) => (offered.has('chat') ? 'chat' : [...offered][0] || false);
    const wsServer = new WebSocketServer({ server, handleProtocols, ...ws, WebSocket: UpgradedWebSocket });
    const accepted = once(wsServer, 'connection') as Promise<[UpgradedWebSocket]>;
    const peer = new WebSocket(`ws://127.0.0.1:${await listen(server)}`, protocols, peerOptions);
    const [webSocket] = await accepted;
    webSocket.onUpgraded(() => expect.unreachable('the socket was given away'));
    await once(peer, 'open');
    expect([webSocket.givesSocketAway, webSocket.readyState]).toEqual([false, WebSocket.OPEN]);
    await expectOrdinary(webSocket, peer);
    expect(wsServer.clients.size).toBe(0);
  });

  it.each(agreements)('one of a client that agreed on %s', async (_, protocols, ws, peerOptions) => {
    const server = createServer();
    const handleProtocols = (offered: Set<string>) => (offered.has('chat') ? 'chat' : [...offered][0] || false);
    const connected = once(wsServerOn(server, { handleProtocols, ...ws }), 'connection') as Promise<[WebSocket]>;
    const webSocket = new UpgradedWebSocket(`ws://127.0.0.1:${await listen(server)}`, protocols, peerOptions);
    webSocket.onUpgraded(() => expect.unreachable('the socket was given away'));
    await once(webSocket, 'open');
    expect(webSocket.givesSocketAway).toBe(false);
    await expectOrdinary(webSocket, (await connected)[0]);
  });
});
