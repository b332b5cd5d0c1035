import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

const sockets = new Set<Socket>();
let bytesOfClosed = 0;

subscribe('net.client.socket', (message) => {
  const { socket } = message as { socket: Socket };
  sockets.add(socket);
  socket.once('close', () => {
    sockets.delete(socket);
    bytesOfClosed += bytesOf(socket);
  });
});

/** Bytes of TCP payload, both directions, on every socket this process has dialed, by the sockets' own counters. */
export function countWireBytes(): number {
  let sum = bytesOfClosed;
  for (const socket of sockets) sum += bytesOf(socket);
  return sum;
}

function bytesOf({ bytesRead, bytesWritten }: Socket): number {
  return bytesRead + bytesWritten;
}
