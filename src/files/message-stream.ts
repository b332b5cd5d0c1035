import { TrunklineError, toTrunklineError } from '../protocol/errors.js';
import { systemClock } from '../runtime/clock.js';
import { Outcome } from '../runtime/failures.js';
import type { Duplex } from '../runtime/node-stream.js';
import { TunnelStream } from '../runtime/tunnel-stream.js';
import { ByteReader } from './byte-reader.js';
import { brokenWire, endedEarly, errorMessage } from './failures.js';
import { decodeControl, encodeControl, MAX_CONTROL_BYTES } from './file-messages.js';

/** Type, and length of what follows. */
const HEADER_BYTES = 5;
const CONTROL = 1;
const DATA = 2;
export const MAX_DATA_BYTES = 1024 * 1024;

/** How long the other side gets to end its direction once this one is over. */
const LINGER_MS = 10_000;
/** How long a stream that cannot carry a reason is kept, to say it in a message. */
const FAREWELL_MS = 2_000;

export type Message = { control: Record<string, unknown> } | { bytes: Uint8Array };

/** Transfer under way; over and only to be ended; of no more interest. */
type Phase = 'open' | 'over' | 'left';

/** The messages of docs/files.md over any Duplex. It is left ended or destroyed, and never fails unheard. */
export class MessageStream {
  private readonly reader: ByteReader;
  private readonly broken = new Outcome<never>();
  private phase: Phase = 'open';
  /** What was left of a data message when it was looked at last. */
  private dataLeft = 0;
  /** Ends what is under way at once, whatever has come meanwhile. */
  private failure: TrunklineError | undefined;
  /** Nothing can be written any more. */
  private lost: TrunklineError | undefined;
  private wakeWriter: (() => void) | undefined;
  private whenClosed: () => void = () => {};
  private readonly closed: Promise<void>;

  constructor(private readonly stream: Duplex) {
    this.reader = new ByteReader(stream);
    this.closed = new Promise((resolve) => {
      this.whenClosed = resolve;
    });
    stream.on('error', (error) => this.lose(toTrunklineError(error, 'CONNECTION_LOST')));
    stream.once('close', () => {
      this.lose(new TrunklineError('CANCELED', 'the stream was destroyed'));
      this.whenClosed();
    });
    stream.once('end', () => this.handleEnd());
    stream.on('readable', () => this.handleReadable());
    stream.on('drain', () => this.wakeWriter?.());
    if (stream.destroyed) {
      this.lose(toTrunklineError(stream.errored ?? new Error('the stream was destroyed'), 'CANCELED'));
      this.whenClosed();
    } else if (!stream.readable || !stream.writable) {
      this.lose(new TrunklineError('CANCELED', 'the stream has ended'));
    }
  }

  // ── while the transfer is under way ──────────────────────────────────────────────────────────────────────────────

  /** The next message, or the next part of one with data. @throws what ended the transfer */
  async next(): Promise<Message> {
    if (this.dataLeft === 0) {
      const { type, length } = await this.readHeader();
      if (type === CONTROL) return { control: decodeControl(await this.reader.take(length, this.check)) };
      this.dataLeft = length;
    }
    const bytes = await this.reader.takeSome(this.dataLeft, this.check);
    this.dataLeft -= bytes.length;
    return { bytes };
  }

  async nextControl(): Promise<Record<string, unknown>> {
    const message = await this.next();
    if ('bytes' in message) throw brokenWire('the other side sent bytes where a message was due');
    return message.control;
  }

  async writeControl(message: object): Promise<void> {
    await this.write(CONTROL, encodeControl(message));
  }

  /** At most MAX_DATA_BYTES. They are the stream's from here on. Resolves when it may have more. */
  async writeData(bytes: Uint8Array): Promise<void> {
    await this.write(DATA, bytes);
  }

  /** What it resolves to, unless the transfer fails before. */
  async orFailure<T>(call: () => Promise<T>): Promise<T> {
    this.throwIfFailed();
    if (this.reader.isSpent) throw endedEarly();
    return await Promise.race([call(), this.broken.promise]);
  }

  /** Whoever waits here gets the error now. */
  fail(error: TrunklineError): void {
    if (this.failure) return;
    this.failure = error;
    this.broken.reject(error);
    this.reader.interrupt();
    this.wakeWriter?.();
  }

  /** @throws what ended the transfer, for work that waits for nothing here */
  throwIfFailed(): void {
    this.check();
    if (this.lost) throw this.lost;
  }

  private readonly check = (): void => {
    if (this.failure) throw this.failure;
  };

  private async readHeader(): Promise<{ type: number; length: number }> {
    const header = await this.reader.take(HEADER_BYTES, this.check);
    const type = header[0] as number;
    const length = new DataView(header.buffer, header.byteOffset).getUint32(1);
    if (type !== CONTROL && type !== DATA) throw brokenWire('the other side does not speak the protocol of files');
    const most = type === CONTROL ? MAX_CONTROL_BYTES : MAX_DATA_BYTES;
    if (length === 0 || length > most) throw brokenWire(`the other side announced a message of ${length} bytes`);
    return { type, length };
  }

  private async write(type: number, bytes: Uint8Array): Promise<void> {
    this.throwIfFailed();
    if (this.push(type, bytes)) return;
    await new Promise<void>((resolve) => {
      this.wakeWriter = resolve;
    });
    this.wakeWriter = undefined;
    this.throwIfFailed();
  }

  private push(type: number, bytes: Uint8Array): boolean {
    const header = new Uint8Array(HEADER_BYTES);
    header[0] = type;
    new DataView(header.buffer).setUint32(1, bytes.length);
    this.stream.cork();
    this.stream.write(header);
    const mayGoOn = this.stream.write(bytes);
    this.stream.uncork();
    return mayGoOn;
  }

  // ── how it comes to an end ───────────────────────────────────────────────────────────────────────────────────────

  /**
   * All is said: ends this direction, and resolves when that has been delivered, or never can be. A stream that breaks now
   * breaks nothing. The other side's end is awaited behind it, for a while.
   */
  async endInOrder(): Promise<void> {
    this.phase = 'over';
    this.stream.end();
    this.handleReadable();
    const finished = new Promise<void>((resolve) => {
      if (this.stream.writableFinished) resolve();
      else this.stream.once('finish', resolve);
    });
    await Promise.race([finished, this.closed]);
    this.destroyAfter(LINGER_MS);
  }

  /** Destroys the stream for this reason, and sees to it that the other side learns it. */
  async abandon(reason: TrunklineError): Promise<void> {
    this.phase = 'left';
    if (this.stream.destroyed) return;
    if (this.carriesReasons || !this.mayStillWrite) return void this.stream.destroy(reason);
    this.push(CONTROL, encodeControl(errorMessage(reason)));
    this.stream.end();
    this.handleReadable();
    this.destroyAfter(FAREWELL_MS, reason);
    await this.closed;
  }

  /** A tunnel's stream tells the other end why it was destroyed; a socket or a pipe does not. */
  private get carriesReasons(): boolean {
    return this.stream instanceof TunnelStream;
  }

  private get mayStillWrite(): boolean {
    return this.stream.writable && !this.lost;
  }

  private destroyAfter(delayMs: number, reason?: TrunklineError): void {
    if (this.stream.closed) return;
    const cancel = systemClock.setTimer(delayMs, () => this.stream.destroy(reason));
    void this.closed.then(cancel);
  }

  private lose(error: TrunklineError): void {
    this.lost ??= error;
    this.reader.end(this.lost);
    this.broken.reject(this.lost);
    this.wakeWriter?.();
  }

  private handleEnd(): void {
    this.reader.end(this.lost ?? endedEarly());
    // Somebody who reads finds that out after what has come before it.
    if (this.reader.isSpent) this.broken.reject(endedEarly());
  }

  private handleReadable(): void {
    if (this.phase === 'open') return this.reader.poke();
    const surplus = this.reader.discard();
    if (this.phase === 'over' && surplus > 0) {
      this.stream.destroy(brokenWire('the other side sent more after the file was complete'));
    }
  }
}
