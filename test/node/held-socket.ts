import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** A socket whose other end is the test: it says when what was written has left, and what comes. */
export class HeldSocket extends Duplex {
  /** What was written: the memory itself, and not a copy. */
  readonly written: Buffer[] = [];
  private held: (() => void)[] = [];

  constructor(private isHeld = true) {
    super({ autoDestroy: true });
  }

  get asSocket(): Socket {
    return this as unknown as Socket;
  }

  override _write(chunk: Buffer, _encoding: string, written: () => void): void {
    this.written.push(chunk);
    if (this.isHeld) this.held.push(written);
    else written();
  }

  override _read(): void {}

  /** All that was written has left, and what is written from now on leaves at once. */
  release(): void {
    this.isHeld = false;
    for (const written of this.held.splice(0)) written();
  }
}
