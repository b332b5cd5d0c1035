import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ReadySockets } from '../../cli/ready-sockets.js';
import { listenOnFreePort } from '../support/free-port.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';

checkLeaksAfterEach();

let server: Server;
let port: number;
beforeEach(async () => {
  server = createServer();
  port = await listenOnFreePort(server);
});
afterEach(() => void server.close());

test('each client gets the connection that was made for it', async () => {
  const ready = new ReadySockets({ host: '127.0.0.1', port });
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  await ready.connect('a');
  const [first] = await accepted;
  const more = once(server, 'connection') as Promise<[Socket]>;
  await ready.connect('b');
  const [second] = await more;
  const a = ready.take('a');
  const b = ready.take('b');
  expect([a.localPort, b.localPort]).toEqual([first.remotePort, second.remotePort]);
  for (const socket of [a, b, first, second]) socket.destroy();
});

test('a client that comes too late gets none, and that is told', async () => {
  const ready = new ReadySockets({ host: '127.0.0.1', port }, 1);
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  await ready.connect('a');
  const [socket] = await accepted;
  // It is reset when its time is over.
  await Promise.allSettled([once(socket, 'close'), once(socket.resume(), 'error')]);
  expect(() => ready.take('a')).toThrow(expect.objectContaining({ code: 'ETIMEDOUT' }));
});

test('what is still connecting ends when all is closed, at once', async () => {
  const ready = new ReadySockets({ host: '127.0.0.1', port });
  const connecting = ready.connect('a');
  ready.close();
  await expect(connecting).rejects.toMatchObject({ code: 'ECANCELED' });
});
