import type { Refusal, TunnelStream } from '../src/index.js';
import { abort } from './join.js';

/** How long the relay may take to join an accepted client. One that has given up meanwhile must not keep others out. */
const JOIN_MS = 10_000;

const BUSY = { code: 'BUSY', text: 'somebody else is connected' } satisfies Refusal;

/** One client at a time: the others are refused. */
export class Turn {
  private state: 'free' | 'promised' | 'taken' = 'free';
  private promisedUntil = 0;

  /** The answer to an offer. */
  readonly accept = (): true | Refusal => {
    if (this.isBusy) return BUSY;
    this.state = 'promised';
    this.promisedUntil = performance.now() + JOIN_MS;
    return true;
  };

  /** The client is there. False where another one came in between; this one is turned away then. */
  take(stream: TunnelStream): boolean {
    if (this.state === 'taken') {
      abort(stream, Object.assign(new Error(BUSY.text), { code: BUSY.code }));
      return false;
    }
    this.state = 'taken';
    return true;
  }

  free(): void {
    this.state = 'free';
  }

  private get isBusy(): boolean {
    return this.state === 'taken' || (this.state === 'promised' && performance.now() < this.promisedUntil);
  }
}
