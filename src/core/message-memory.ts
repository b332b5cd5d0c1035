import type { Holdable } from './byte-queue.js';

/** A message that lacked a byte of its 64 KiB before the last turn of 32 KiB, and what may stand in front of it. */
const SLAB_BYTES = 100 * 1024;
/** Smaller messages cost little to allocate, and would keep a whole slab. */
const POOLED_FROM_BYTES = 16 * 1024;
/** What a connection keeps for later even when nothing is under way: 1 MiB, what one CREDIT releases of the largest window. */
const MIN_FREE_SLABS = 16;

/**
 * Memory that messages are assembled in, used again once nobody holds it: neither the transport, which has to send it,
 * nor a stream that has to be able to send its part again. Allocating and collecting 64 KiB for each message costs more
 * than all the rest of sending it. Never more is kept than is in use.
 */
export class MessageMemory {
  private readonly free: Slab[] = [];
  private lentSlabs = 0;

  /** Held once, by whoever takes it. Undefined for sizes that are better allocated. */
  take(bytes: number): Slab | undefined {
    if (bytes < POOLED_FROM_BYTES || bytes > SLAB_BYTES) return undefined;
    const slab = this.free.pop() ?? new Slab((released) => this.giveBack(released));
    this.lentSlabs++;
    slab.hold();
    return slab;
  }

  private giveBack(slab: Slab): void {
    this.lentSlabs--;
    if (this.free.length < Math.max(MIN_FREE_SLABS, this.lentSlabs)) this.free.push(slab);
  }
}

export class Slab implements Holdable {
  readonly bytes = new Uint8Array(SLAB_BYTES);
  private holders = 0;

  constructor(private readonly giveBack: (slab: Slab) => void) {}

  hold(): void {
    this.holders++;
  }

  release(): void {
    if (--this.holders === 0) this.giveBack(this);
  }
}
