/** The largest message that is assembled of turns (src/core/message-memory.ts), and its header. */
const SLAB_BYTES = 101 * 1024;
/** Below this Node's own pool serves better. */
const POOLED_FROM_BYTES = 8 * 1024;
/** What is kept for later, of the whole process: 1.3 MiB. A connection has at most three on their way. */
const MAX_FREE_SLABS = 16;

/**
 * Memory for messages on their way to a socket, used again once they have left. Allocating 64 KiB for each message, and
 * collecting it, costs more than masking and writing it.
 */
class WireMemory {
  private readonly free: Buffer[] = [];

  /** At least `bytes` long. */
  take(bytes: number): Buffer {
    if (bytes < POOLED_FROM_BYTES || bytes > SLAB_BYTES) return Buffer.allocUnsafe(bytes);
    return this.free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
  }

  /** Nobody reads it any more. */
  give(memory: Buffer): void {
    if (memory.length === SLAB_BYTES && this.free.length < MAX_FREE_SLABS) this.free.push(memory);
  }
}

export const wireMemory = new WireMemory();
