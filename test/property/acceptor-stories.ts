import type { StreamCore } from '../../src/core/stream.js';
import type { TunnelCore } from '../../src/core/tunnel.js';
import type { ErrorCode } from '../../src/protocol/codes.js';
import type { TrunklineError } from '../../src/protocol/errors.js';
import type { TunnelMode } from '../../src/protocol/frames.js';
import { type ModelStream, Violation } from './model-stream.js';
import type { ModelTunnel } from './model-tunnel.js';
import { SHORT_WINDOW_MS } from './scenario.js';

/** More than one tunnel has at once. */
const MANY_STREAMS = 50;

/** What both sides have agreed on, or have not. */
export interface Terms {
  mode: TunnelMode;
  maxStreams: number;
  dialerWindowMs: number;
  acceptorWindowMs: number;
}

/** One end of a tunnel, dialer's or acceptor's, and the application behind it. */
export interface End {
  readonly core: TunnelCore;
  readonly side: 'dialer' | 'acceptor';
  readonly tunnelId: string;
  /** Of a dialer. */
  readonly dialing?: ModelTunnel;
  /** What its peer has opened and its application has not answered. */
  readonly unanswered: ModelStream[];
  hasClosed: boolean;
}

/** A stream's history, of both its ends. */
export interface Story {
  readonly initiator: ModelStream;
  readonly initiatorSide: End['side'];
  readonly tunnelId: string;
  wasRefused: boolean;
  /** The acceptor has forgotten its end. */
  isDisturbed: boolean;
  responders: number;
}

/** What has happened to whom, and so which end of a stream or a tunnel is nobody's fault. */
export class AcceptorStories {
  private readonly byUid = new Map<string, Story>();
  /** Tunnels that an application has closed. */
  readonly closedTunnels = new Set<string>();
  /** Tunnels that were made for those who are nobody's dialer. */
  readonly impostorIds = new Set<string>();
  private hasRestarted = false;

  constructor(
    private readonly terms: Terms,
    private readonly ends: readonly End[],
  ) {}

  begin(initiator: ModelStream, { side, tunnelId }: End): void {
    const story = { initiator, initiatorSide: side, tunnelId, wasRefused: false, isDisturbed: false, responders: 0 };
    this.byUid.set(initiator.core.uid, story);
  }

  of({ uid }: StreamCore): Story {
    const story = this.byUid.get(uid);
    if (story === undefined) throw new Violation('a stream that nobody opened');
    return story;
  }

  acceptorRestarted(): void {
    this.hasRestarted = true;
    for (const story of this.byUid.values()) story.isDisturbed = true;
  }

  /** A responder is there. */
  arrived(core: StreamCore, end: End): Story {
    const story = this.of(core);
    if (end.tunnelId !== story.tunnelId && this.isResumable) throw new Violation('a stream came out at another tunnel');
    if (++story.responders > 1 && story.initiator.hasOpened) throw new Violation('a stream that was open came as new');
    return story;
  }

  /** Where a tunnel is for one stream, both applications know whose it is: two at once would refuse each other's. */
  isTheOthers({ tunnelId, side }: End): boolean {
    return this.isForOne && this.storiesOn(tunnelId).some(({ initiatorSide }) => initiatorSide !== side);
  }

  private storiesOn(tunnelId: string): Story[] {
    return [...this.byUid.values()].filter((story) => story.tunnelId === tunnelId);
  }

  // ── what may end ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** @throws Violation for a tunnel that nobody has ended */
  judgeTunnel(end: End, { code, message }: TrunklineError): void {
    const { tunnelId } = end;
    const isExpected =
      this.isUsedUp(end, code) ||
      this.closedTunnels.has(tunnelId) ||
      this.impostorIds.has(tunnelId) ||
      !this.isResumable ||
      (this.isWindowShort && code === 'RESUME_EXPIRED');
    if (!isExpected) throw new Violation(`a tunnel ended by itself: ${code} ${message}`);
  }

  /** Its only stream is over; or it was, and the other end closed without being able to say so. */
  private isUsedUp(end: End, code: ErrorCode): boolean {
    if (!this.isForOne || this.storiesOn(end.tunnelId).length === 0) return false;
    return code === 'TUNNEL_CLOSED' || (this.isLeft(end) && code === 'RESUME_EXPIRED');
  }

  /** Its other end is over. */
  private isLeft({ tunnelId, side }: End): boolean {
    return this.ends.every((other) => other.tunnelId !== tunnelId || other.side === side || other.hasClosed);
  }

  /** @throws Violation for a failure that nobody has caused */
  judge(end: End, stream: ModelStream, { code, message }: TrunklineError): void {
    const allowed = [...this.causes(end, stream)];
    if (!allowed.includes(code))
      throw new Violation(
        `failed with ${code} (${message}) at the ${end.side}; possible: ${allowed.join(' ') || 'none'}`,
      );
  }

  private causes(end: End, stream: ModelStream): Set<ErrorCode> {
    const causes = new Set<ErrorCode>();
    const story = this.of(stream.core);
    if (story.isDisturbed) causes.add('RESUME_UNKNOWN');
    if (this.closedTunnels.has(end.tunnelId)) causes.add('TUNNEL_CLOSED').add('RESUME_UNKNOWN').add('RESUME_EXPIRED');
    if (story.wasRefused) causes.add('REFUSED');
    // Gave it up, and forgot it before it could say so.
    if (stream.other?.hasFailed) causes.add('CANCELED').add('RESUME_UNKNOWN').add('RESUME_EXPIRED');
    // Nobody had taken it: it is opened again, and comes as another one.
    if (this.ends.some(({ unanswered }) => unanswered.includes(stream)))
      causes.add('CONNECTION_LOST').add('GOING_AWAY');
    for (const code of this.codesOfTerms(end)) causes.add(code);
    return causes;
  }

  private codesOfTerms(end: End): ErrorCode[] {
    const codes: ErrorCode[] = [];
    if (this.isWindowShort) codes.push('RESUME_EXPIRED', 'RESUME_UNKNOWN');
    if (!this.isResumable) codes.push('CONNECTION_LOST', 'GOING_AWAY', 'TUNNEL_CLOSED');
    // Where there is no room, what is over or away makes room for what is new.
    if (this.isNarrow) codes.push('LIMIT_STREAMS', 'RESUME_EXPIRED', 'RESUME_UNKNOWN');
    if (!this.isForOne) return codes;
    codes.push('LIMIT_STREAMS');
    // One side has forgotten the only stream and has another; or is over, and the other has come back too late to know.
    if (this.hasRestarted || this.isLeft(end)) codes.push('TUNNEL_CLOSED', 'RESUME_EXPIRED');
    return codes;
  }

  /** Who has all that it wanted leaves nobody behind who has not. */
  checkPairs(streams: readonly ModelStream[]): void {
    if (this.isWindowShort || this.isNarrow || this.closedTunnels.size > 0) return;
    for (const stream of streams) {
      if (stream.life !== 'closed' || this.of(stream.core).isDisturbed) continue;
      const { other } = stream;
      if (other === undefined || other.life === 'failed')
        throw new Violation(`a stream is closed here and ${other?.life} there (${other?.failure?.code})`);
    }
  }

  get isResumable(): boolean {
    return this.terms.dialerWindowMs > 0 && this.terms.acceptorWindowMs > 0;
  }

  get isForOne(): boolean {
    return this.terms.mode === 'stream';
  }

  private get isNarrow(): boolean {
    return this.terms.maxStreams < MANY_STREAMS;
  }

  private get isWindowShort(): boolean {
    return Math.min(this.terms.dialerWindowMs, this.terms.acceptorWindowMs) <= SHORT_WINDOW_MS;
  }
}
