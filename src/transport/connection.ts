import type { TrunklineError } from '../protocol/errors.js';

export interface ConnectionHandlers {
  /** The connection takes messages now: it has opened, or its buffer has drained after `isWritable` was false. */
  writable(): void;
  message(bytes: Uint8Array): void;
  /** A text message: the protocol has none (R3). */
  text(): void;
  /** The connection is over, whoever ended it. Called once, and nothing after it. */
  closed(error: TrunklineError): void;
}

/** One live transport that carries whole messages. Mortal; never reconnects. */
export interface Connection {
  /** Call once, before anything else. */
  start(handlers: ConnectionHandlers): void;
  /** False while opening, and while more bytes wait in the transport than serve throughput. */
  readonly isWritable: boolean;
  /** False where the platform has no drain event (a page): then `isWritable` has to be asked again. */
  readonly announcesWritable: boolean;
  send(message: Uint8Array): void;
  /** Ends it in order, after what was sent. `reason` is for people; the protocol has said GOAWAY in band. */
  close(orderly: boolean, reason: string): void;
  /** Ends it now. */
  terminate(): void;
}
