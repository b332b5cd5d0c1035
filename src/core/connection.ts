import { type Decoded, FrameDecoder } from '../protocol/decode.js';
import { encodeNotice, encodeOpen, encodeReset, encodeToken, encodeTokenRequest } from '../protocol/encode.js';
import { type ErrorPayload, TrunklineError, toErrorPayload, toTrunklineError } from '../protocol/errors.js';
import type { Frame, Heartbeat, Open, StreamFrame } from '../protocol/frames.js';
import { LIMITS_BEFORE_HANDSHAKE, type Limits } from '../protocol/limits.js';
import type { Message } from '../protocol/message-parts.js';
import { refusalOf } from './admission.js';
import type { Attachment } from './attachment.js';
import type { ConnectionOptions, ConnectionOwner } from './connection-options.js';
import { type Answer, buildHello, buildWelcome, checkFirst, HandshakeTimeout, type Identity } from './handshake.js';
import { HeldInput } from './held-input.js';
import { Outbox } from './outbox.js';
import type { RoundTrip } from './ping-times.js';
import { Pings } from './pings.js';
import { type Role, StreamTable } from './stream-table.js';

export type { ConnectionOptions, ConnectionOwner };

/**
 * dialer:    waiting ──receive WELCOME──> open ──> ended
 * acceptor:  waiting ──receive HELLO──> deciding ──welcome()──> open ──> ended
 */
type State =
  | { kind: 'waiting'; watch: HandshakeTimeout }
  | { kind: 'deciding'; watch: HandshakeTimeout; held: HeldInput }
  | { kind: 'open'; watch: Pings }
  | { kind: 'ended'; error: TrunklineError };

/**
 * One connection's protocol, without I/O: messages, commands and `now` go in; messages, calls to the owner and the next
 * deadline come out. It carries attachments and dies with its transport; streams outlive it elsewhere.
 */
export class ConnectionCore {
  readonly role: Role;
  private state: State;
  private peer: Readonly<Limits> = LIMITS_BEFORE_HANDSHAKE;
  private readonly table: StreamTable;
  private readonly outbox = new Outbox();
  private readonly pings = new Pings(this.outbox);
  private readonly decoder: FrameDecoder;
  private unknownFrames = 0;
  /** Called whenever there may be something new to send or a new deadline: wakes whoever drives this connection. */
  onOutput: () => void = () => {};
  onRoundTrip: (roundTrip: RoundTrip) => void = () => {};
  /** Dialer: the acceptor wants a newer token within so many milliseconds. Acceptor: here it is. */
  onTokenRequest: (expiresInMs: number) => void = () => {};
  onToken: (token: string, now: number) => void = () => {};

  constructor(
    private readonly options: ConnectionOptions,
    private readonly owner: ConnectionOwner,
  ) {
    this.role = options.role;
    this.table = new StreamTable(options.role, options.firstLocalId);
    this.decoder = new FrameDecoder(options.limits.maxFrameBytes, options.limits.maxMessageBytes);
    this.state = { kind: 'waiting', watch: new HandshakeTimeout(options.now, options.handshakeTimeoutMs) };
  }

  get limits(): Readonly<Limits> {
    return this.options.limits;
  }

  get peerLimits(): Readonly<Limits> {
    return this.peer;
  }

  get isOpen(): boolean {
    return this.state.kind === 'open';
  }

  get hasEnded(): boolean {
    return this.state.kind === 'ended';
  }

  /** Why it ended, once it has. */
  get endReason(): TrunklineError | undefined {
    return this.state.kind === 'ended' ? this.state.error : undefined;
  }

  get streamCount(): number {
    return this.table.size;
  }

  /** Bytes of control frames that wait for a transport that takes no more. */
  get queuedControlBytes(): number {
    return this.outbox.scheduler.queuedControlBytes;
  }

  get localStreamCount(): number {
    return this.table.localSize;
  }

  /** Frames of unknown type that were skipped, as the counter of R11. */
  get unknownFrameCount(): number {
    return this.unknownFrames;
  }

  // ── handshake ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Dialer: the first thing to do. @throws TrunklineError LIMIT_BYTES when the token does not fit */
  hello(identity: Identity = {}): void {
    this.outbox.scheduler.queueControl(buildHello(this.options.limits, identity));
  }

  /** Acceptor: the answer to HELLO. What came behind the HELLO is dealt with now. */
  welcome(answer: Answer, now: number): void {
    if (this.state.kind !== 'deciding') return;
    const held = this.state.held;
    this.openWith(answer.heartbeat, now);
    this.outbox.scheduler.queueControl(buildWelcome(this.options.limits, answer));
    for (const decoded of held) if (this.isOpen) this.handle(decoded, now);
    this.onOutput();
  }

  // ── input ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * A message from the transport, or, with `isLast` false, a part of one that more of follows. Never throws: what the peer
   * does wrong ends the connection.
   */
  receive(bytes: Uint8Array, now: number, isLast = true): void {
    if (this.state.kind === 'ended') return;
    this.pings.heard(now);
    const decoded = this.decoder.decode(bytes, isLast);
    this.unknownFrames += decoded.unknown;
    if (decoded.unknown > 0 || bytes.length === 0) this.receiveNothing(Math.max(1, decoded.unknown), now);
    this.handle(decoded, now, bytes.length);
  }

  /** Before the handshake there are so few bytes that it does not matter. */
  private receiveNothing(count: number, now: number): void {
    if (this.isOpen) this.guard(() => this.options.meter?.nothing(count, now));
  }

  /** A text message came (R3). */
  receiveText(): void {
    this.fail(new TrunklineError('PROTOCOL', 'a text message; this protocol is binary'));
  }

  /** The transport is gone. */
  lost(error: TrunklineError): void {
    this.end(error);
  }

  advance(now: number): void {
    const error = this.state.kind === 'ended' ? undefined : this.state.watch.advance(now);
    if (error !== undefined) this.fail(error);
  }

  /** Asks for a round trip; its sequence comes back with the time in `onRoundTrip`, if it does. From now on all are timed. */
  ping(now: number): number {
    const { sequence, frame } = this.pings.timed(now);
    this.send(frame);
    return sequence;
  }

  /** This side does not read: that nothing was heard says nothing. */
  inputWithheld(now: number): void {
    this.pings.heard(now);
  }

  nextDeadline(): number {
    return this.state.kind === 'ended' ? Number.POSITIVE_INFINITY : this.state.watch.nextDeadline();
  }

  // ── output ───────────────────────────────────────────────────────────────────────────────────────────────────────

  get hasOutput(): boolean {
    return this.outbox.hasOutput;
  }

  /** What there is to send is not worth a message, if more may come. */
  get hasLittleOutput(): boolean {
    return this.outbox.hasLittleOutput;
  }

  /** The next message for the transport, if any. After the connection ended, its GOAWAY comes out and then nothing. */
  takeMessage(): Message | undefined {
    return this.outbox.takeMessage();
  }

  /** The transport has copied the last message: its memory may be used again. */
  messageCopied(): void {
    this.outbox.scheduler.messageCopied();
  }

  // ── streams ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Opens a stream here. @throws TrunklineError LIMIT_STREAMS, LIMIT_BYTES, LIMIT_RATE, or why the connection ended */
  open(attachment: Attachment, open: Open): number {
    if (this.state.kind === 'ended') throw this.state.error;
    if (this.table.localSize >= this.peer.maxStreams) {
      throw new TrunklineError('LIMIT_STREAMS', `the peer allows ${this.peer.maxStreams} streams on this tunnel`);
    }
    const id = this.table.addLocal(attachment);
    try {
      this.outbox.scheduler.queueControl(encodeOpen(id, open));
    } catch (error) {
      this.table.remove(id);
      throw error;
    }
    this.onOutput();
    return id;
  }

  /** Takes the stream that `openReceived` announced. */
  attach(id: number, attachment: Attachment): void {
    this.table.addRemote(id, attachment);
  }

  /**
   * Does with a stream what was put off when its OPEN came, and then deals with the frames that have followed it. What is
   * wrong with those, or thrown by `route`, is dealt with as if it had just come.
   */
  continueWith(route: () => void, frames: readonly StreamFrame[], now: number): void {
    this.guard(() => {
      route();
      for (const frame of frames) if (!this.hasEnded) this.table.find(frame.id)?.receive(frame, now);
    });
    this.onOutput();
  }

  /** Says no to it. */
  refuse(id: number, error: ErrorPayload): void {
    this.reply(encodeReset(id, error));
  }

  /** The stream is closed here; late frames for its id will be ignored. */
  release(id: number, attachment: Attachment): void {
    this.table.remove(id);
    this.outbox.scheduler.remove(attachment);
  }

  /** Queues a control frame that this side's application caused. */
  send(frame: Uint8Array): void {
    if (this.state.kind === 'ended') return;
    this.outbox.scheduler.queueControl(frame);
    this.onOutput();
  }

  /** Queues one that a peer caused: of these only so many may wait (LIMIT_RATE). */
  reply(frame: Uint8Array): void {
    if (this.state.kind === 'ended') return;
    this.guard(() => this.outbox.scheduler.queueReply(frame));
    this.onOutput();
  }

  creditDue(attachment: Attachment): void {
    if (this.state.kind === 'ended') return;
    this.outbox.scheduler.queueCredit(attachment);
    this.onOutput();
  }

  dataReady(attachment: Attachment): void {
    if (this.state.kind === 'ended') return;
    this.outbox.scheduler.queueData(attachment);
    this.onOutput();
  }

  /** Dialer: a newer one than HELLO's. @throws TrunklineError LIMIT_BYTES when it does not fit */
  sendToken(token: string): void {
    this.send(encodeToken(token));
  }

  /** Acceptor: the one that it has runs out. */
  askForToken(expiresInMs: number): void {
    this.send(encodeTokenRequest(expiresInMs));
  }

  /** Acceptor: tells the peer to move; nothing ends by it. */
  notice(error: TrunklineError, graceMs: number): void {
    this.send(encodeNotice(toErrorPayload(error), graceMs));
  }

  // ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Ends the connection with GOAWAY. */
  fail(error: TrunklineError): void {
    // When the application leaves, the END_ACK or the last word that is still queued holds.
    this.endWith(error, error.code === 'TUNNEL_CLOSED');
  }

  /** Ends the connection with GOAWAY because nothing is left on it: whoever was here has had its last word. */
  leave(error: TrunklineError): void {
    this.endWith(error, true);
  }

  private endWith(error: TrunklineError, isInOrder: boolean): void {
    if (this.state.kind === 'ended') return;
    this.outbox.endWith(error, isInOrder);
    this.end(error);
  }

  private end(error: TrunklineError): void {
    if (this.state.kind === 'ended') return;
    this.state = { kind: 'ended', error };
    this.outbox.end();
    for (const attachment of this.table.clear()) attachment.detach(error);
    this.owner.connectionEnded(error);
    this.onOutput();
  }

  /** Runs what remote input causes: a breach, and equally a defect of ours, ends this connection and nothing else. */
  private guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.fail(toTrunklineError(error, 'INTERNAL'));
    }
  }

  private handle(decoded: Decoded, now: number, messageBytes = 0): void {
    this.guard(() => {
      const { frames } = decoded;
      let index = 0;
      while (index < frames.length && this.state.kind !== 'deciding') {
        this.dispatch(frames[index++] as Frame, now);
        if (this.hasEnded) return;
      }
      if (this.state.kind === 'deciding')
        this.state.held.hold({ ...decoded, frames: frames.slice(index) }, messageBytes);
      else if (decoded.error !== undefined) throw decoded.error;
    });
  }

  private dispatch(frame: Frame, now: number): void {
    if (this.state.kind === 'waiting') return this.dispatchHandshake(this.state.watch, frame, now);
    switch (frame.type) {
      case 'HELLO':
      case 'WELCOME':
        throw new TrunklineError('PROTOCOL', `${frame.type} after the handshake`);
      case 'GOAWAY':
        return this.dispatchGoaway(TrunklineError.fromPayload(frame.error), frame.graceMs, now);
      case 'PING':
      case 'PONG':
        this.options.meter?.tunnelFrame(frame.type, now);
        return this.dispatchPing(frame, now);
      case 'TOKEN':
        this.options.meter?.tunnelFrame('TOKEN', now);
        return this.dispatchToken(frame, now);
      case 'OPEN':
        return this.dispatchOpen(frame.id, frame.open, now);
      default:
        return this.dispatchToStream(frame, now);
    }
  }

  private dispatchToStream(frame: StreamFrame, now: number): void {
    const attachment = this.table.find(frame.id);
    this.options.meter?.streamFrame(frame, attachment, now);
    attachment?.receive(frame, now);
  }

  private dispatchPing(frame: Frame & { type: 'PING' | 'PONG' }, now: number): void {
    const roundTrip = this.pings.receive(frame, now);
    if (roundTrip !== undefined) this.onRoundTrip(roundTrip);
  }

  private dispatchHandshake(watch: HandshakeTimeout, frame: Frame, now: number): void {
    const first = checkFirst(frame, this.role);
    if (first.type === 'GOAWAY') return this.end(TrunklineError.fromPayload(first.error));
    this.peer = first.type === 'HELLO' ? first.hello.limits : first.welcome.limits;
    this.outbox.open(this.peer);
    if (first.type === 'HELLO') {
      this.state = { kind: 'deciding', watch, held: new HeldInput() };
      this.owner.helloReceived(first.hello, now);
    } else {
      this.openWith(first.welcome.heartbeat, now);
      for (const attachment of [...this.table.values()]) attachment.limitsKnown(this.peer);
      this.owner.welcomeReceived(first.welcome);
    }
  }

  private openWith(heartbeat: Heartbeat, now: number): void {
    this.pings.begin(heartbeat, this.role === 'acceptor', now);
    this.state = { kind: 'open', watch: this.pings };
  }

  private dispatchGoaway(error: TrunklineError, graceMs: number | undefined, now: number): void {
    if (graceMs === undefined) this.end(error);
    else this.owner.noticeReceived(error, graceMs, now);
  }

  /** What the other role would say is ignored, like a field that is not known. */
  private dispatchToken({ token, expiresInMs }: Frame & { type: 'TOKEN' }, now: number): void {
    if (this.role === 'acceptor' && token !== undefined) this.onToken(token, now);
    if (this.role === 'dialer' && expiresInMs !== undefined) this.onTokenRequest(expiresInMs);
  }

  private dispatchOpen(id: number, open: Open, now: number): void {
    this.table.admitRemote(id);
    const refusal = refusalOf(open, this.table.remoteSize, this.options.limits);
    if (refusal === undefined) this.owner.openReceived(id, open, now);
    else this.refuse(id, refusal);
  }
}
