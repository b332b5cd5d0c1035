/** Pings that are waited for at once; of more, the oldest is not. */
const MAX_UNANSWERED = 64;
const PING_BYTES = 8;

/** An answered ping. */
export interface RoundTrip {
  sequence: number;
  roundTripMs: number;
}

/** How long pings take to come back. Each carries its number, so late answers and made-up ones measure nothing. */
export class PingTimes {
  private readonly sentAt = new Map<number, number>();
  private last = 0;

  /** The payload of the next ping. */
  next(now: number): { sequence: number; payload: Uint8Array } {
    const sequence = ++this.last;
    for (const oldest of this.sentAt.keys()) {
      if (this.sentAt.size < MAX_UNANSWERED) break;
      this.sentAt.delete(oldest);
    }
    this.sentAt.set(sequence, now);
    const payload = new Uint8Array(PING_BYTES);
    new DataView(payload.buffer).setUint32(4, sequence);
    return { sequence, payload };
  }

  /** Undefined for an answer to nothing that is waited for. */
  answered(payload: Uint8Array, now: number): RoundTrip | undefined {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const sequence = view.getUint32(4);
    const sentAt = view.getUint32(0) === 0 ? this.sentAt.get(sequence) : undefined;
    if (sentAt === undefined) return undefined;
    this.sentAt.delete(sequence);
    return { sequence, roundTripMs: now - sentAt };
  }
}
