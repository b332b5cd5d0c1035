import type { StreamCore, StreamEvent } from '../core/stream.js';
import { TrunklineError, toErrorPayload, toTrunklineError } from '../protocol/errors.js';
import type { Offer as WireOffer } from '../protocol/frames.js';
import { DEFAULT_LIMITS } from '../protocol/limits.js';
import { type Json, normalizeMeta } from '../protocol/meta.js';
import { Outcome, reportFailure } from '../runtime/failures.js';
import { EventEmitter } from '../runtime/node-stream.js';
import { randomId } from '../runtime/random-id.js';
import type { Tunnel } from '../runtime/tunnel.js';
import type { TunnelStream } from '../runtime/tunnel-stream.js';

/** Somebody wants to connect. */
export interface Offer {
  name: string;
  /** What the client said of itself; null if nothing. */
  meta: Json;
  /** What the relay knows of the client: the claims of its token, where the relay asks for one. Else null. */
  claims: Json;
  /** The relay's single-use id of this connect. */
  id: string;
  /** Of the stream that it becomes. */
  uid: string;
}

/** A "no" that the client sees as REFUSED: `code` becomes its `appCode`, `text` its message. */
export interface Refusal {
  code?: string;
  text?: string;
}

type Answer = boolean | Refusal | undefined;
export type AcceptHook = (offer: Offer) => Answer | Promise<Answer>;

export interface StreamServerOptions {
  /** Any JSON value, shown to each client as its `stream.meta`. At most 8 KiB of JSON. */
  meta?: unknown;
  /** Asked for every offer; without it all are accepted. The relay waits 30 s for the answer. */
  accept?: AcceptHook | undefined;
  /**
   * Whoever presents the same text takes the name over at once, and the older listener fails with SUPERSEDED: for a
   * service that is started anew while the old process still seems to be there. At most 128 characters; a secret.
   * Default: random, so that only this listener itself has it.
   */
  owner?: string | undefined;
  /** False: a lost connection ends accepted streams, and nothing is kept to be sent again. Default: as the tunnel. */
  resume?: boolean | undefined;
}

export type OnStream = (stream: TunnelStream) => void;

/**
 * A held name.
 *
 * Events: 'listening'; 'connection'(TunnelStream); 'error'(TrunklineError) when the name could not be taken or was lost,
 * only if somebody listens; 'close' when the name is no longer held.
 */
export class StreamListener extends EventEmitter {
  private readonly core: StreamCore;
  private readonly meta: Json;
  private readonly readyOutcome = new Outcome<void>();
  private readonly closedOutcome = new Outcome<void>();

  /** @internal Use `StreamServer(tunnel, onStream).listen(name)`. */
  constructor(
    private readonly tunnel: Tunnel,
    readonly name: string,
    private readonly options: StreamServerOptions,
    private readonly onStream: OnStream | undefined,
  ) {
    super();
    // Checked here, where the mistake is, and not when the first client comes.
    this.meta = normalizeMeta(options.meta, DEFAULT_LIMITS.maxMetaBytes);
    checkOwner(options.owner);
    // A name that this listener cannot come back to is not to be reserved for it.
    const owner = options.owner ?? (tunnel.outlivesConnections ? randomId() : undefined);
    this.core = tunnel.openCore({ kind: 'listen', name, owner, claim: 0 }, null);
    tunnel.observe(this.core, (event) => this.handle(event));
  }

  /** Resolves when the relay has given the name; rejects with NAME_TAKEN, SUPERSEDED, LIMIT_NAMES or why the tunnel ended. */
  get ready(): Promise<void> {
    return this.readyOutcome.promise;
  }

  /** Gives the name back, at once. Streams that were accepted go on. */
  end(): void {
    this.core.end();
  }

  /** `end()`, and resolves when the relay has taken the name back (or the tunnel is over). */
  close(): Promise<void> {
    this.end();
    return this.closedOutcome.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private handle(event: StreamEvent): void {
    switch (event.type) {
      case 'opened':
        this.readyOutcome.resolve();
        this.emit('listening');
        return;
      case 'offer':
        void this.answer(event.offer);
        return;
      case 'end':
        // The relay took the name back; its END asks for ours.
        this.core.end();
        return;
      case 'failed':
        return this.fail(event.error);
      case 'closed':
        return this.closed(new TrunklineError('CANCELED', 'the listener was closed'));
      default:
    }
  }

  private fail(error: TrunklineError): void {
    this.readyOutcome.reject(error);
    try {
      if (error.code !== 'TUNNEL_CLOSED') reportFailure(this, error, this.readyOutcome, `listener ${this.name}`);
    } finally {
      this.closed(error);
    }
  }

  private closed(reason: TrunklineError): void {
    this.readyOutcome.reject(reason);
    this.closedOutcome.resolve();
    this.emit('close');
  }

  private async answer(offer: WireOffer): Promise<void> {
    try {
      const { name, meta, claims = null, id, uid } = offer;
      const answer = this.options.accept ? await this.options.accept({ name, meta, claims, id, uid }) : true;
      if (answer === true && this.isServed) this.accept(offer);
      else if (answer === true) this.refuse(offer, { text: 'nobody takes streams at this listener' });
      else this.refuse(offer, answer || {});
    } catch (cause) {
      this.refuse(offer, { text: 'the listener failed to decide' });
      reportFailure(this, toTrunklineError(cause, 'INTERNAL'), { wasAsked: false }, `accept hook of ${this.name}`);
    }
  }

  /** A stream that nobody takes would be held open for ever, unread. */
  private get isServed(): boolean {
    return this.onStream !== undefined || this.listenerCount('connection') > 0;
  }

  private refuse(offer: WireOffer, refusal: Refusal): void {
    const error = new TrunklineError('REFUSED', refusal.text, { appCode: refusal.code });
    this.core.refuse(offer.id, toErrorPayload(error));
  }

  /** The stream is shown once the relay has joined it to its client: until then the client may have given up. */
  private accept(offer: WireOffer): void {
    const core = this.tunnel.openCore({ kind: 'accept', offerId: offer.id }, this.meta, {
      uid: offer.uid,
      offer: { offer, listener: this.core },
      isMortal: this.options.resume === false,
    });
    this.tunnel.observe(core, (event) => {
      if (event.type === 'opened') this.show(core, offer);
      // Out of streams on this tunnel: the client is told. Any other failure means that the client is gone.
      else if (event.type === 'failed' && event.error.code === 'LIMIT_STREAMS')
        this.core.refuse(offer.id, toErrorPayload(event.error));
    });
  }

  private show(core: StreamCore, offer: WireOffer): void {
    const stream = this.tunnel.face(core, { name: this.name, meta: offer.meta });
    stream.handleOpened(offer.meta);
    this.emit('connection', stream);
    this.onStream?.(stream);
  }

  declare on: ListenerEvents<this>;
  declare once: ListenerEvents<this>;
}

const MAX_OWNER_LENGTH = 128;

function checkOwner(owner: unknown): void {
  if (owner === undefined || (typeof owner === 'string' && owner.length > 0 && owner.length <= MAX_OWNER_LENGTH))
    return;
  throw new TypeError(`owner must be a text of 1 to ${MAX_OWNER_LENGTH} characters`);
}

interface ListenerEvents<Self> {
  (event: 'listening' | 'close', listener: () => void): Self;
  (event: 'connection', listener: (stream: TunnelStream) => void): Self;
  (event: 'error', listener: (error: TrunklineError) => void): Self;
}
