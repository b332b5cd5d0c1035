/** Trunkline, for page and Node. The relay is `trunkline/relay`. */

export type { BlobLike } from './files/byte-source.js';
export type { WritableFile } from './files/destination.js';
export type { FileDestination } from './files/open-destination.js';
export type { FileSource } from './files/open-source.js';
export {
  type FileOffer,
  type FileRefusal,
  type ReceivedFile,
  type ReceiveFileOptions,
  type ReceiveProgress,
  receiveFile,
} from './files/receive-file.js';
export { type SendFileOptions, type SendProgress, type SentFile, sendFile } from './files/send-file.js';
export { CODES, type ErrorCode } from './protocol/codes.js';
export { PROTOCOL_VERSION, SUBPROTOCOL } from './protocol/constants.js';
export { TrunklineError } from './protocol/errors.js';
export type { Heartbeat } from './protocol/frames.js';
export { DEFAULT_LIMITS, type Limits } from './protocol/limits.js';
export type { Json } from './protocol/meta.js';
export { isName } from './protocol/names.js';
export type { DialedTunnelOptions } from './runtime/dialed-tunnel.js';
export type { PresenceEvent } from './runtime/name-watch.js';
export { type CreateStreamOptions, Tunnel, type TunnelState } from './runtime/tunnel.js';
export type { TunnelOptions } from './runtime/tunnel-options.js';
export { TunnelStream } from './runtime/tunnel-stream.js';
export type { TunnelAcceptorOptions, TunnelRequest } from './sdk/acceptor-options.js';
export { connectDuplex, connectPort } from './sdk/connect-duplex.js';
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
export { type OnTunnel, TunnelAcceptor } from './sdk/tunnel-acceptor.js';
