import { SUBPROTOCOL } from '../protocol/constants.js';
import { TrunklineError } from '../protocol/errors.js';
import { encodeUtf8 } from '../protocol/utf8.js';

/** What each side sends first: a peer that speaks anything else is found out by its first bytes (R149, R150). */
export const PREFACE: Uint8Array = encodeUtf8(`${SUBPROTOCOL}\n`);
/** In front of each message: its length (R151). */
export const LENGTH_BYTES = 4;

/** Of what a stranger said, so many bytes are quoted. */
const QUOTED_BYTES = 60;

/**
 * A byte stream into messages. Nothing is assembled: what has come of a message is handed out at once, as a part of it.
 * How long a message may be is checked where its parts are decoded, as for every transport.
 *
 *   preface ──its last byte──> length ──4 bytes──> message ──its last byte──> length
 */
export class ByteStreamParser {
  private phase: 'preface' | 'length' | 'message' = 'preface';
  /** Of the preface, or of a length. */
  private readBytes = 0;
  /** Of the message, as far as its length has been read. */
  private missingBytes = 0;

  constructor(private readonly received: (bytes: Uint8Array, isLast: boolean) => void) {}

  /** @throws TrunklineError CONNECTION_LOST when the first bytes are not the preface; nothing may be parsed after that */
  parse(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.phase === 'message') at = this.passMessage(bytes, at);
      else if (this.phase === 'length') at = this.readLength(bytes, at);
      else at = this.matchPreface(bytes, at);
    }
  }

  /** If the stream ended now: what it would have broken off. */
  get unfinished(): string | undefined {
    if (this.phase === 'preface') return `the ${SUBPROTOCOL} in front`;
    return this.phase === 'message' || this.readBytes > 0 ? 'a message' : undefined;
  }

  private matchPreface(bytes: Uint8Array, start: number): number {
    let at = start;
    while (at < bytes.length && this.readBytes < PREFACE.length) {
      if (bytes[at] !== PREFACE[this.readBytes]) throw strangerError(this.readBytes, bytes.subarray(at));
      at++;
      this.readBytes++;
    }
    if (this.readBytes === PREFACE.length) this.expectLength();
    return at;
  }

  private readLength(bytes: Uint8Array, start: number): number {
    let at = start;
    while (at < bytes.length && this.readBytes < LENGTH_BYTES) {
      // No shift: the length has all of 32 bits.
      this.missingBytes = this.missingBytes * 256 + (bytes[at] as number);
      at++;
      this.readBytes++;
    }
    if (this.readBytes === LENGTH_BYTES) this.beginMessage();
    return at;
  }

  private beginMessage(): void {
    this.phase = 'message';
    if (this.missingBytes > 0) return;
    this.expectLength();
    // No message is empty: whoever decodes it says so to the peer.
    this.received(new Uint8Array(0), true);
  }

  private passMessage(bytes: Uint8Array, at: number): number {
    const end = Math.min(bytes.length, at + this.missingBytes);
    this.missingBytes -= end - at;
    const isLast = this.missingBytes === 0;
    if (isLast) this.expectLength();
    this.received(bytes.subarray(at, end), isLast);
    return end;
  }

  private expectLength(): void {
    this.phase = 'length';
    this.readBytes = 0;
    this.missingBytes = 0;
  }
}

function strangerError(matchedBytes: number, rest: Uint8Array): TrunklineError {
  const said = [...PREFACE.subarray(0, matchedBytes), ...rest.subarray(0, QUOTED_BYTES)];
  const quoted = JSON.stringify(String.fromCharCode(...said.slice(0, QUOTED_BYTES)));
  return new TrunklineError('CONNECTION_LOST', `the other side speaks no ${SUBPROTOCOL}: it began with ${quoted}`);
}
