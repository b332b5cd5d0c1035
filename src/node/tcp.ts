import { type NetConnectOpts, Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { ByteStreamConnection } from '../transport/byte-stream.js';
import type { Connection } from '../transport/connection.js';

/** What `net.connect` takes (`host` and `port`, or `path` of a Unix socket or a named pipe, ...), and: */
export type DialTcpOptions = NetConnectOpts & {
  /** TLS on top: what `tls.connect` takes (`ca`, `cert`, `key`, `servername`, ...), or true for its defaults. */
  tls?: ConnectionOptions | boolean | undefined;
};

/**
 * Starts to dial. What comes of it is told to the connection's handlers: an address that refuses, or a certificate that
 * does not hold, is CONNECTION_LOST with the system's error as `cause`.
 * @throws what `net.connect` and `tls.connect` throw for options that make no sense
 */
export function dialTcp(options: DialTcpOptions): Connection {
  const { tls, ...address } = options;
  const socket = tls ? connectTls({ ...address, ...(tls === true ? {} : tls) }) : connectPlain(address);
  socket.setNoDelay(true);
  socket.setKeepAlive(true);
  return new ByteStreamConnection(socket, { copiesMessages: false });
}

/** `net.connect` would leave a socket behind when it throws. */
function connectPlain(address: object): Socket {
  const socket = new Socket(address);
  try {
    return socket.connect(address as NetConnectOpts);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
