import type { IncomingMessage } from 'node:http';
import type { ConnectionCore } from '../src/core/connection.js';
import { TrunklineError } from '../src/protocol/errors.js';

/** A tunnel that has completed its handshake, as the 'connection' event shows it. */
export interface RelayConnection {
  /** The upgrade request; undefined for a tunnel of this process (`relay.connect`). */
  readonly request: IncomingMessage | undefined;
  /** Streams on it now. */
  readonly streams: number;
  /** Ends it for good: its endpoint does not come back by itself, and its streams fail with the reason. */
  close(reason?: string): void;
}

export function describeConnection(connection: ConnectionCore, request: IncomingMessage | undefined): RelayConnection {
  return {
    request,
    get streams() {
      return connection.streamCount;
    },
    close: (reason = 'closed by the relay') => connection.fail(new TrunklineError('TUNNEL_CLOSED', reason)),
  };
}
