import type { Duplex } from 'node:stream';

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  503: 'Service Unavailable',
};

export function refuseUpgrade(socket: Duplex, status: number, text: string): void {
  socket.on('error', ignore);
  // HTTP servers allow half-open sockets, and no longer watch this one: a peer that never closes its side would hold it.
  socket.once('finish', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${REASONS[status]}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}

/** The peer of a socket that we are closing may close it first; there is nothing to do about it. */
function ignore(): void {}
