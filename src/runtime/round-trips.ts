import { TrunklineError } from '../protocol/errors.js';

/** Half of what a connection times at once: its heartbeat's own pings have room beside them. */
const MAX_WAITING = 32;

interface Waiting {
  resolve: (roundTripMs: number) => void;
  reject: (error: TrunklineError) => void;
}

/** Who waits for the answer to a ping on one connection. The end of the connection is everybody's deadline. */
export class RoundTrips {
  private readonly waiting = new Map<number, Waiting>();

  /** @param send sends the ping and returns its sequence */
  measure(send: () => number): Promise<number> {
    if (this.waiting.size >= MAX_WAITING)
      return Promise.reject(new TrunklineError('LIMIT_RATE', `${MAX_WAITING} pings are unanswered`));
    const sequence = send();
    return new Promise((resolve, reject) => this.waiting.set(sequence, { resolve, reject }));
  }

  answered(sequence: number, roundTripMs: number): void {
    const waiting = this.waiting.get(sequence);
    this.waiting.delete(sequence);
    waiting?.resolve(roundTripMs);
  }

  end(error: TrunklineError): void {
    for (const { reject } of this.waiting.values()) reject(error.clone());
    this.waiting.clear();
  }
}
