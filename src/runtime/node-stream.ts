// The one import site of Node's streams. A browser build aliases these to `readable-stream`, `buffer` and `events`.
export { Buffer } from 'node:buffer';
export { EventEmitter } from 'node:events';
export { Duplex } from 'node:stream';
