import type { TrunklineError } from '../protocol/errors.js';
import type { Message } from '../protocol/message-parts.js';

export interface ConnectionHandlers {
  /** The connection takes messages now: it has opened, or its buffer has drained after `isWritable` was false. */
  writable(): void;
  /** A message, or a part of one: `isLast` is false when more of it follows. */
  received(bytes: Uint8Array, isLast: boolean): void;
  /** A text message: the protocol has none (R3). */
  text(): void;
  /**
   * The connection is over, whoever ended it. Called once, and nothing after it. `end` is what the transport itself said of
   * its end, where it has such a thing.
   */
  closed(error: TrunklineError, end?: ConnectionEnd): void;
}

/** A WebSocket's closing handshake: 1006 where there was none. */
export interface ConnectionEnd {
  code: number;
  reason: string;
}

/** One live transport that carries whole messages. Mortal; never reconnects. */
export interface Connection {
  /** Call once, before anything else. */
  start(handlers: ConnectionHandlers): void;
  /** False while opening, and while more bytes wait in the transport than serve throughput. */
  readonly isWritable: boolean;
  /** False where the platform has no drain event (a page): then `isWritable` has to be asked again. */
  readonly announcesWritable: boolean;
  /** The parts must not change any more, unless `copiesMessages`. */
  send(message: Message): void;
  /** What `send` was given is not read any more once it has returned. */
  readonly copiesMessages: boolean;
  /** Ends it in order, after what was sent. `reason` is for people; the protocol has said GOAWAY in band. */
  close(orderly: boolean, reason: string): void;
  /** Ends it now. */
  terminate(): void;
  /** Stop and start reading what arrives. Missing where the platform cannot (a page's WebSocket). */
  pause?(): void;
  resume?(): void;
}
