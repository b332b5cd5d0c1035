import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Opcode } from '../../src/node/websocket-frames.js';
import { Attacker, webSocketHeader, webSocketMessage } from '../support/attacker.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { until } from '../support/until.js';
import { closeAfterEach, type Pair, ROLES } from './framed-fixture.js';
import { wsFrame } from './ws-internals.js';

checkLeaksAfterEach();
closeAfterEach();

const SHORT_MS = 50;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe.each(ROLES)('the socket of a $role whose peer reads nothing', ({ openPair, peerMasks }) => {
  const close = wsFrame(Opcode.close, Buffer.of(3, 232), peerMasks);
  const breach = Buffer.of(0xf2, peerMasks ? 0x80 : 0);
  const ends: [string, string, (pair: Pair) => unknown][] = [
    ['closes, and leaves its socket open', 'closed with 1000', ({ peerSocket }) => peerSocket.write(close)],
    ['breaks RFC 6455, and leaves its socket open', 'a reserved bit', ({ peerSocket }) => peerSocket.write(breach)],
    ['ends its socket for writing only', 'closed with 1006', ({ peerSocket }) => peerSocket.end()],
  ];

  /** Much waits for the peer, more than kernels take. */
  async function besieged(): Promise<Pair> {
    // What comes before the upgrade has a timer of its own.
    const pair = await openPair({ ws: { endTimeoutMs: SHORT_MS, handshakeTimeout: 10_000 } });
    pair.peer.pause();
    for (let count = 0; count < 200; count++) pair.connection.send([Buffer.alloc(64 * 1024)]);
    return pair;
  }

  async function gone({ told, socket }: Pair): Promise<string> {
    await until(() => told.ends.length > 0, 'the end');
    await turn();
    expect([socket.destroyed, told.ends.length, told.breaches]).toEqual([true, 1, []]);
    expect(told.ends[0]!.code).toBe('CONNECTION_LOST');
    return told.ends[0]!.message;
  }

  it.each(ends)('goes at its deadline: the peer %s', async (_, text, end) => {
    const pair = await besieged();
    end(pair);
    await until(() => pair.socket.writableEnded, 'that it was noticed');
    expect(pair.socket.writableLength).toBeGreaterThan(0);
    expect(await gone(pair)).toContain(text);
  });

  it.each(ends.slice(0, 2))('goes at its deadline, though bytes go on coming: the peer %s', async (_, text, end) => {
    const pair = await besieged();
    end(pair);
    await until(() => {
      pair.peerSocket.write(Buffer.of(0));
      return pair.told.ends.length > 0;
    }, 'the end');
    expect(await gone(pair)).toContain(text);
  });
});

describe('a relay that closes', () => {
  /** A whole message, so that it is no flood of nothing. */
  const MESSAGE = webSocketMessage(Buffer.alloc(1));

  it.each([
    ['reads nothing', false],
    ['goes on sending', true],
  ])('cuts the socket of a peer that never answers and %s', async (_, isSending) => {
    const fixture = await startRelay();
    const accepted = once(fixture.server, 'connection') as Promise<[Socket]>;
    const attacker = await Attacker.ready(fixture.url);
    const [socket] = await accepted;
    attacker.stopReading();
    // Text: the relay says GOAWAY, and closes.
    attacker.sendBytes(webSocketHeader(0x81, 0));
    await until(() => {
      if (isSending) attacker.sendBytes(MESSAGE);
      return socket.destroyed;
    }, 'the socket to be cut');
    expect(attacker.socket.readableEnded).toBe(false);
    await attacker.destroy();
  });
});
