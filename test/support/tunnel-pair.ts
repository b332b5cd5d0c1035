import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connectTunnel, type Tunnel } from '../../src/index.js';
import { connectTcp, listenTcp, TunnelServer } from '../../src/sdk-node/index.js';

export type Carrier = 'tcp' | 'websocket';

/** Two ends of a tunnel without a relay, in this process, and how many bytes its socket has carried to the acceptor. */
export interface TunnelPair {
  dialer: Tunnel;
  accepted: Tunnel;
  wireBytes(): number;
  close(): Promise<void>;
}

export function openTunnelPair(carrier: Carrier): Promise<TunnelPair> {
  return carrier === 'tcp' ? openOverTcp() : openOverWebSocket();
}

async function openOverTcp(): Promise<TunnelPair> {
  const server = listenTcp(0);
  const opened = once(server, 'tunnel.open') as Promise<[Tunnel, Socket]>;
  await once(server, 'listening');
  const dialer = connectTcp((server.address() as AddressInfo).port);
  const [accepted, socket] = await opened;
  await dialer.opened;
  return {
    dialer,
    accepted,
    wireBytes: () => socket.bytesRead,
    close: async () => {
      await closeInOrder(dialer, accepted);
      await server.close();
    },
  };
}

async function openOverWebSocket(): Promise<TunnelPair> {
  const httpServer: Server = createServer();
  const sockets: Socket[] = [];
  httpServer.on('connection', (socket) => sockets.push(socket));
  const server = new TunnelServer({ server: httpServer });
  const opened = once(server, 'tunnel.open') as Promise<[Tunnel]>;
  httpServer.listen(0);
  await once(httpServer, 'listening');
  const dialer = connectTunnel(`ws://localhost:${(httpServer.address() as AddressInfo).port}`);
  const [accepted] = await opened;
  await dialer.opened;
  return {
    dialer,
    accepted,
    wireBytes: () => sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0),
    close: async () => {
      await closeInOrder(dialer, accepted);
      await server.close();
      await new Promise((resolve) => httpServer.close(resolve));
    },
  };
}

/** What the dialer said last is heard before the acceptor ends as well. */
async function closeInOrder(dialer: Tunnel, accepted: Tunnel): Promise<void> {
  dialer.close();
  await accepted.closed;
}
