import { encodeGoaway } from '../protocol/encode.js';
import { type TrunklineError, toErrorPayload } from '../protocol/errors.js';
import { LIMITS_BEFORE_HANDSHAKE, type Limits } from '../protocol/limits.js';
import { type Message, messageBytes } from '../protocol/message-parts.js';
import { UNAUTHENTICATED_BYTES } from './handshake.js';
import { Scheduler } from './scheduler.js';

/**
 * What a connection sends, and how much of it may go out when: so many bytes while the peer has not said WELCOME, then
 * what the peer takes, and in the end a GOAWAY and nothing after it.
 *
 *   limited ──open()──> open ──end()──> ended
 */
type State =
  | { kind: 'limited'; sentBytes: number }
  | { kind: 'open' }
  | { kind: 'ended'; last: Uint8Array | undefined };

export class Outbox {
  readonly scheduler = new Scheduler();
  private state: State = { kind: 'limited', sentBytes: 0 };
  private peer: Readonly<Limits> = LIMITS_BEFORE_HANDSHAKE;
  private takes = 0;

  get hasOutput(): boolean {
    return this.state.kind === 'ended' ? this.state.last !== undefined : !this.scheduler.isIdle;
  }

  get hasLittleOutput(): boolean {
    return this.state.kind !== 'ended' && this.scheduler.hasLittle;
  }

  /** How often the transport has come for a message. */
  get takenCount(): number {
    return this.takes;
  }

  /** The peer is known, and takes this much. */
  open(peer: Limits): void {
    this.peer = peer;
    this.state = { kind: 'open' };
  }

  takeMessage(): Message | undefined {
    this.takes++;
    if (this.state.kind === 'ended') return this.takeLast(this.state);
    const message = this.scheduler.takeMessage(this.peer.maxFrameBytes, this.roomBytes);
    if (this.state.kind === 'limited') this.state.sentBytes += message === undefined ? 0 : messageBytes(message);
    return message;
  }

  /** Ends with a GOAWAY that says why. `isInOrder`: what was said before still holds, and goes out in front of it. */
  endWith(error: TrunklineError, isInOrder: boolean): void {
    const goaway = encodeGoaway(toErrorPayload(error));
    this.end(isInOrder ? this.scheduler.takeFarewell(goaway, this.roomBytes) : goaway);
  }

  /** Ends without a word, if it has not ended yet: the transport is gone, or the peer has said GOAWAY. */
  end(last?: Uint8Array): void {
    if (this.state.kind === 'ended') return;
    this.state = { kind: 'ended', last };
    this.scheduler.clear();
  }

  /** Largest message that may go out now. */
  private get roomBytes(): number {
    return this.state.kind === 'limited' ? UNAUTHENTICATED_BYTES - this.state.sentBytes : this.peer.maxMessageBytes;
  }

  private takeLast(state: { last: Uint8Array | undefined }): Message | undefined {
    const { last } = state;
    state.last = undefined;
    return last && [last];
  }
}
