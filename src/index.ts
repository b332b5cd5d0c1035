/** Trunkline, for page and Node. The relay is `trunkline/relay`. */

export { CODES, type ErrorCode } from './protocol/codes.js';
export { PROTOCOL_VERSION, SUBPROTOCOL } from './protocol/constants.js';
export { TrunklineError } from './protocol/errors.js';
export type { Heartbeat } from './protocol/frames.js';
export { DEFAULT_LIMITS, type Limits } from './protocol/limits.js';
export type { Json } from './protocol/meta.js';
export { isName } from './protocol/names.js';
export { Tunnel, type TunnelOptions } from './runtime/tunnel.js';
export { TunnelStream } from './runtime/tunnel-stream.js';
export { type ConnectTunnelOptions, connectTunnel } from './sdk/connect-tunnel.js';
export { type ConnectOptions, StreamClient } from './sdk/stream-client.js';
export {
  type AcceptHook,
  type Offer,
  type OnStream,
  type Refusal,
  StreamListener,
  type StreamServerOptions,
} from './sdk/stream-listener.js';
export { StreamServer } from './sdk/stream-server.js';
