/** What carries a tunnel besides a WebSocket, for the room that offers it. */
export { ByteStreamConnection, type ByteStreamLike } from '../transport/byte-stream.js';
export type { Connection } from '../transport/connection.js';
export { MessagePortConnection, type PortLike } from '../transport/message-port.js';
