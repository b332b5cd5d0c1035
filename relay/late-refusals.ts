import type { Duplex } from 'node:stream';
import { refuseUpgrade } from '../src/node/refuse-upgrade.js';
import type { Clock } from '../src/runtime/clock.js';

/** So long who dials too often waits for its answer: who dials again at each answer dials once in it. */
const DELAY_MS = 500;
/** Past it nobody is answered: an attacker's sockets are not to become the relay's burden. */
const MAX_HELD = 512;

/** Refuses upgrades after a while, so that a refusal is no cheaper for who asks than for who answers. */
export class LateRefusals {
  private readonly held = new Map<Duplex, () => void>();

  constructor(private readonly clock: Clock) {}

  get size(): number {
    return this.held.size;
  }

  refuse(socket: Duplex, status: number, text: string): void {
    if (this.held.size >= MAX_HELD) {
      socket.destroy();
      return;
    }
    const cancel = this.clock.setTimer(DELAY_MS, () => answer());
    const forget = (): void => {
      cancel();
      this.held.delete(socket);
    };
    const answer = (): void => {
      forget();
      socket.off('close', forget);
      refuseUpgrade(socket, status, text);
    };
    socket.once('close', forget);
    // Its end is not read before the answer, and an error has no other listener.
    socket.on('error', forget);
    this.held.set(socket, answer);
  }

  /** Nobody waits any longer. */
  close(): void {
    for (const answer of [...this.held.values()]) answer();
  }
}
