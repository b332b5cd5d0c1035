import type { TrunklineError } from '../protocol/errors.js';
import type { Offer, Refuse, Target } from '../protocol/frames.js';
import type { Json } from '../protocol/meta.js';
import type { WindowOptions } from './receive-half.js';
import type { ResumeKey } from './resume-key.js';
import type { StreamCore } from './stream.js';
import type { StreamKeeper } from './stream-keeper.js';

/** What happens to a stream, for whoever shows it to the application. */
export type StreamEvent =
  | { type: 'opened'; meta: Json }
  | { type: 'data'; bytes: Uint8Array }
  /** Every byte and END have come. */
  | { type: 'end' }
  /** What was written has left the application's buffers. */
  | { type: 'drained' }
  /** END_ACK: the far endpoint holds every byte. */
  | { type: 'delivered' }
  /** It has no place on a connection now, for this reason, and is carried on as soon as it gets one. */
  | { type: 'suspended'; error: TrunklineError }
  | { type: 'resumed' }
  | { type: 'offer'; offer: Offer }
  | { type: 'refuse'; refuse: Refuse }
  /** The last event of a stream that failed; the other last event is `closed`. */
  | { type: 'failed'; error: TrunklineError }
  /** Both directions are done. */
  | { type: 'closed' };

export type StreamObserver = (stream: StreamCore, event: StreamEvent) => void;

export interface StreamOptions {
  uid: string;
  target: Target;
  /** What this side says of itself in OPEN or ACCEPT. */
  meta: Json;
  window: WindowOptions;
  observer: StreamObserver;
  /** Opened at this end: then this end also opens it again. A listener that accepts an offer is not its initiator. */
  isInitiator: boolean;
  /** Of one that the peer has opened: where it can be opened again, as ACCEPT says. */
  returnId?: string | undefined;
  /** With it the stream can be carried on over another connection. */
  key?: ResumeKey | undefined;
  /** Who gives it another place when it has lost one. Without: a stream without a place has failed. */
  keeper?: StreamKeeper;
}
