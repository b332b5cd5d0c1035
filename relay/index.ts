/** The relay: Node only. */

export { CODES, type ErrorCode } from '../src/protocol/codes.js';
export { TrunklineError } from '../src/protocol/errors.js';
export { TunnelStream } from '../src/runtime/tunnel-stream.js';
export type { AccessOptions, AccessRefusal, AuthenticationRequest, AuthorizationRequest, Claims } from './access.js';
export type { RelayStats } from './counters.js';
export type {
  InspectedFlow,
  InspectedName,
  InspectedStream,
  InspectedTunnel,
  Listing,
  RelayInspection,
  RelayState,
} from './inspection.js';
export { type JsonWebTokenAccess, type JsonWebTokenOptions, jsonWebTokens } from './json-web-tokens.js';
export type { RelayLogger } from './log.js';
export type { RelayLimits, RelayOptions } from './options.js';
export type { GivenRates, RelayRates } from './rates.js';
export { createRelay, Relay } from './relay.js';
export type { RelayConnection } from './relay-connection.js';
