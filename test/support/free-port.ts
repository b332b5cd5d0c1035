import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';

/** Listens on a port that the system picks; returns it. */
export async function listenOnFreePort(server: Server): Promise<number> {
  const listening = once(server, 'listening');
  server.listen(0, '127.0.0.1');
  await listening;
  return (server.address() as AddressInfo).port;
}
