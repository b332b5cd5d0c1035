/** The relay: Node only. */

export { CODES, type ErrorCode } from '../src/protocol/codes.js';
export { TrunklineError } from '../src/protocol/errors.js';
export { TunnelStream } from '../src/runtime/tunnel-stream.js';
export type { RelayStats } from './counters.js';
export type { RelayLimits, RelayOptions } from './options.js';
export { createRelay, Relay, type RelayConnection } from './relay.js';
