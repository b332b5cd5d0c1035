import type { TrunklineError } from '../protocol/errors.js';
import type { ConnectionEnd } from '../transport/connection.js';
import type { TunnelStream } from './tunnel-stream.js';

/** What listens to a tunnel, by event. */
export interface TunnelEvents<Self> {
  (event: 'open' | 'resume', listener: () => void): Self;
  (event: 'suspend' | 'error' | 'close', listener: (error: TrunklineError) => void): Self;
  (event: 'stream', listener: (stream: TunnelStream) => void): Self;
  (event: 'connection.close', listener: (end: ConnectionEnd) => void): Self;
  (event: string, listener: (...args: never[]) => void): Self;
}
