import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { StreamClient } from '../src/index.js';
import { type Address, formatAddress } from './address.js';
import { CommandError } from './command.js';
import type { ConnectSettings } from './connect.js';
import { join } from './join.js';
import { sayError } from './notices.js';
import { FOREVER, type Work, workOnTunnel } from './tunnel.js';

/** Each end of a socket is passed on for itself, and no byte waits for others to travel with. */
const SOCKET_OPTIONS = { allowHalfOpen: true, noDelay: true };

/** Listens on a TCP port, until it is told to stop; each connection there gets a stream to the name. */
export async function connectOverTcp(settings: ConnectSettings, address: Address): Promise<number> {
  const server = createServer(SOCKET_OPTIONS);
  const sockets = new Set<Socket>();
  const serve = async (work: Work): Promise<number> => {
    // A relay that is not there is told before anybody connects here.
    await work.tunnel.opened;
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      void carry(socket, settings, work);
    });
    await listen(server, address);
    const { address: host, port } = server.address() as AddressInfo;
    console.log(`listening on ${formatAddress({ host, port })}`);
    return await FOREVER;
  };
  try {
    return await workOnTunnel(settings.tunnel, serve, { isEndless: true });
  } finally {
    server.close();
    // Those whose streams were reset have been, too.
    for (const socket of sockets) socket.resetAndDestroy();
  }
}

async function carry(socket: Socket, settings: ConnectSettings, { tunnel, add }: Work): Promise<void> {
  const { name, meta, waitMs } = settings;
  const what = `connection from ${formatAddress({ host: String(socket.remoteAddress), port: Number(socket.remotePort) })}`;
  try {
    const stream = StreamClient(tunnel).connect(name, { meta, waitMs });
    add(stream);
    await join(socket, stream);
  } catch (error) {
    socket.resetAndDestroy();
    if (!settings.tunnel.isQuiet) sayError(error, what);
  }
}

function listen(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', ({ code, message }: NodeJS.ErrnoException) => {
      const where = formatAddress(address);
      const isTaken = code === 'EADDRINUSE';
      reject(
        new CommandError(
          isTaken ? `${where} is in use: choose another with --tcp (port 0 takes any free one)` : `--tcp: ${message}`,
        ),
      );
    });
    server.listen(address.port, address.host, () => {
      server.removeAllListeners('error');
      // Accepting failed for one client (too many open files, say); the others go on.
      server.on('error', (error) => sayError(error));
      resolve();
    });
  });
}
