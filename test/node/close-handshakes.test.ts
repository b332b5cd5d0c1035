import { createServer } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import type { Connection } from '../../src/transport/connection.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { until } from '../support/until.js';
import { cleanUpAfterEach, dial, startEcho, startTcp } from './echo-fixture.js';
import { closeAfterEach, listen, type Told, wsServerOn } from './framed-fixture.js';

checkLeaksAfterEach();
closeAfterEach();
cleanUpAfterEach();

const TEXTS: [string, string, string][] = [
  ['ASCII', 'x'.repeat(200), 'x'.repeat(123)],
  ['characters of two bytes', 'é'.repeat(100), 'é'.repeat(61)],
  ['characters of three bytes', '漢'.repeat(100), '漢'.repeat(41)],
  ['characters of four bytes', '💥'.repeat(100), '💥'.repeat(30)],
  ['a character that ends one byte too late', `${'x'.repeat(120)}💥`, 'x'.repeat(120)],
  ['a character that just fits', `${'x'.repeat(119)}💥`, `${'x'.repeat(119)}💥`],
  ['halves of characters', '\ud83d'.repeat(100), '\ufffd'.repeat(41)],
  ['few halves of characters', 'a\udca5b\ud83d', 'a\ufffdb\ufffd'],
];

describe.each([
  ['our own frames', {}],
  ['the frames of `ws`', { perMessageDeflate: true }],
])('with %s', (_, ws) => {
  async function open(): Promise<{ connection: Connection; told: Told; peer: WebSocket }> {
    const server = createServer();
    let peer: WebSocket | undefined;
    wsServerOn(server, ws).on('connection', (accepted) => {
      peer = accepted;
    });
    const { connection, told } = dial(await listen(server), ws);
    await until(() => told.writables > 0 && peer !== undefined, 'an open connection');
    return { connection, told, peer: peer! };
  }

  describe('a connection tells how it was closed', () => {
    it.each([
      [1000, 'done'],
      [1001, ''],
      [3001, '漢字 💥'],
      [4999, 'x'.repeat(123)],
    ])('by its peer: %i "%s"', async (code, reason) => {
      const { told, peer } = await open();
      peer.close(code, reason);
      await until(() => told.ends.length > 0, 'closed');
      expect(told.handshakes).toEqual([{ code, reason }]);
    });

    it('by its peer, without a code', async () => {
      const { told, peer } = await open();
      peer.close();
      await until(() => told.ends.length > 0, 'closed');
      expect(told.handshakes).toEqual([{ code: 1005, reason: '' }]);
    });

    it('without a closing handshake', async () => {
      const { told, peer } = await open();
      peer.terminate();
      await until(() => told.ends.length > 0, 'closed');
      expect(told.handshakes).toEqual([{ code: 1006, reason: '' }]);
    });

    it('by terminating it', async () => {
      const { connection, told } = await open();
      connection.terminate();
      await until(() => told.ends.length > 0, 'closed');
      expect(told.handshakes).toEqual([{ code: 1006, reason: '' }]);
    });

    it.each([
      [true, 1000],
      [false, 4000],
    ])('by itself, in order: %s', async (orderly, code) => {
      const { connection, told } = await open();
      connection.close(orderly, '');
      await until(() => told.ends.length > 0, 'closed');
      expect(told.handshakes).toEqual([{ code, reason: '' }]);
    });

    it('before it was open', async () => {
      const { told } = dial(await startTcp((socket) => socket.end('HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n')), ws);
      await until(() => told.ends.length > 0, 'closed');
      expect(told.handshakes).toEqual([{ code: 1006, reason: '' }]);
    });
  });

  describe('the reason that a peer hears is cut between characters:', () => {
    const closesWith = async (closer: Connection, peer: WebSocket, text: string): Promise<string> => {
      let heard: string | undefined;
      peer.once('close', (_code, reason) => {
        heard = reason.toString();
      });
      closer.close(true, text);
      await until(() => heard !== undefined, 'closed');
      return heard!;
    };

    it.each(TEXTS)('%s, of a client', async (_what, text, expected) => {
      const { connection, peer } = await open();
      expect(await closesWith(connection, peer, text)).toBe(expected);
    });

    it.each(TEXTS)('%s, of a server', async (_what, text, expected) => {
      const { port, connections } = await startEcho(ws);
      const { told } = dial(port, ws);
      await until(() => told.writables > 0 && connections.length > 0, 'an open connection');
      connections[0]!.close(true, text);
      await until(() => told.ends.length > 0, 'closed');
      expect(told.handshakes).toEqual([{ code: 1000, reason: expected }]);
    });
  });
});
