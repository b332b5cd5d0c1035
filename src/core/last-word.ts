import { encodeClose, encodeReset } from '../protocol/encode.js';
import type { ErrorPayload } from '../protocol/errors.js';
import type { StreamPlace } from './stream-place.js';

/**
 * How a stream ends on an attachment (PROTOCOL.md section 5): each side has a last word, and waits for the other's.
 *
 *   initiator                          responder             one side              the other
 *     │ END_ACK ───────────────────────> │ done            │ RESET ──────────────> │
 *     │ <───────────────────────── CLOSE │                 │ <────────────── CLOSE │
 *     │ CLOSE ─────────────────────────> │
 *
 * What was said on an attachment that is lost has to be said again on the next.
 */
export class LastWord {
  private isSaid = false;
  private error: ErrorPayload | undefined;

  constructor(private readonly isInitiator: boolean) {}

  /** The application has given the stream up. */
  get isReset(): boolean {
    return this.error !== undefined;
  }

  get wasSaid(): boolean {
    return this.isSaid;
  }

  giveUp(error: ErrorPayload): void {
    this.error = error;
  }

  /**
   * RESET, or the responder's CLOSE; once on each attachment. An initiator that is done has its last word when it has
   * heard the other's.
   */
  say(place: StreamPlace | undefined): void {
    const { error } = this;
    if (this.isSaid || place === undefined || (error === undefined && this.isInitiator)) return;
    if (error !== undefined) place.send((id) => encodeReset(id, error));
    else place.reply(encodeClose);
    this.isSaid = true;
  }

  /** The other side has had its last word. */
  answer(place: StreamPlace | undefined): void {
    if (!this.isSaid) place?.reply(encodeClose);
  }

  placeLost(): void {
    this.isSaid = false;
  }
}
