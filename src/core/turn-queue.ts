import type { Attachment } from './attachment.js';
import { Fifo } from './fifo.js';

interface Turn {
  /** Undefined once it is no longer wanted: the queue drops it when it comes to it. */
  attachment: Attachment | undefined;
}

/**
 * Attachments in the order of their turns, each at most once; constant time each, however many there are. (A Set iterates
 * in that order as well, but walks over all that was deleted from its front.)
 */
export class TurnQueue {
  private readonly turns = new Map<Attachment, Turn>();
  private readonly order = new Fifo<Turn>();

  get size(): number {
    return this.turns.size;
  }

  get first(): Attachment | undefined {
    while (this.order.first !== undefined && this.order.first.attachment === undefined) this.order.shift();
    return this.order.first?.attachment;
  }

  /** Behind all others; nothing if it is there already. */
  add(attachment: Attachment): void {
    if (this.turns.has(attachment)) return;
    const turn: Turn = { attachment };
    this.turns.set(attachment, turn);
    this.order.push(turn);
  }

  remove(attachment: Attachment): void {
    const turn = this.turns.get(attachment);
    if (turn === undefined) return;
    turn.attachment = undefined;
    this.turns.delete(attachment);
  }

  clear(): void {
    this.turns.clear();
    this.order.clear();
  }

  /** Stops being of use once the queue has changed. */
  *[Symbol.iterator](): Iterator<Attachment> {
    for (let index = 0; index < this.order.length; index++) {
      const { attachment } = this.order.at(index) as Turn;
      if (attachment !== undefined) yield attachment;
    }
  }
}
