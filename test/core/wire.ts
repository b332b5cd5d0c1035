import type { ConnectionCore } from '../../src/core/connection.js';
import { DEFAULT_WINDOW, type WindowOptions } from '../../src/core/receive-half.js';
import { ResumeKey, type Side } from '../../src/core/resume-key.js';
import type { StreamCore } from '../../src/core/stream.js';
import { createDialedTunnel, type DialedTunnelCore } from '../../src/core/tunnel.js';
import { encodeAccept, encodeOffer, encodeOpen, encodeWelcome } from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Accept, Frame, Offer, Open, Reopen } from '../../src/protocol/frames.js';
import { DEFAULT_LIMITS, type Limits } from '../../src/protocol/limits.js';
import { decodeMessage } from '../support/decode-message.js';
import { takeMessage } from '../support/take-message.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { describeEvent, nextId, plainProve } from './pair.js';

export const RESUME_WINDOW_MS = 60_000;
/** Where the streams of these tests are found again. */
export const ENDPOINT = 'there';

/** The relay's end of a tunnel's connections, spoken frame by frame, allowed or not. */
export class Wire {
  readonly clock = new VirtualClock();
  readonly tunnel: DialedTunnelCore;
  connection!: ConnectionCore;
  private nextRemoteId = 2;

  constructor(options: { resumeWindowMs?: number; firstDials?: number; window?: WindowOptions } = {}) {
    this.tunnel = createDialedTunnel({
      limits: DEFAULT_LIMITS,
      window: DEFAULT_WINDOW,
      randomId: nextId,
      random: () => 0,
      now: this.clock.now,
      prove: plainProve,
      resumeWindowMs: RESUME_WINDOW_MS,
      ...options,
    });
  }

  /** A tunnel that is open, and has said and told what there was. */
  static opened(options: ConstructorParameters<typeof Wire>[0] = {}): Wire {
    const wire = new Wire(options);
    wire.dial();
    wire.welcome();
    wire.frames();
    wire.events();
    return wire;
  }

  dial(): void {
    this.connection = this.tunnel.connections.dial();
    this.nextRemoteId = 2;
  }

  welcome(limits: Partial<Limits> = {}): void {
    const heartbeat = { intervalMs: 25_000, timeoutMs: 20_000 };
    const answer = { version: 1, heartbeat, relayId: 'r', resumeWindowMs: RESUME_WINDOW_MS };
    this.say(encodeWelcome({ ...answer, limits: { ...DEFAULT_LIMITS, ...limits } }));
  }

  say(...frames: Uint8Array[]): void {
    for (const frame of frames) this.connection.receive(frame.slice(), this.clock.now());
  }

  cut(connection = this.connection): void {
    connection.lost(new TrunklineError('CONNECTION_LOST', 'cut by the test'));
  }

  /** Another connection, on which both have introduced themselves. */
  comeBack(): void {
    this.dial();
    this.frames();
    this.welcome();
  }

  /** Time passes, and the tunnel does what is due. */
  elapse(milliseconds: number): void {
    this.clock.advanceTo(this.clock.now() + milliseconds);
    this.tunnel.advance();
  }

  // ── streams ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A stream that the tunnel opened and that somebody at `ENDPOINT` took. */
  connected(accept: Partial<Accept> = {}): StreamCore {
    const stream = this.tunnel.open({ kind: 'connect', name: 'n', waitMs: 0 }, null);
    this.accept(this.opens().at(-1)!.id, { endpoint: ENDPOINT, ...accept });
    this.frames();
    this.events();
    return stream;
  }

  accept(id: number, accept: Partial<Accept> = {}): void {
    this.say(encodeAccept(id, { credit: 1_000_000, meta: null, ...accept }));
  }

  /** A name that the tunnel listens on. */
  listening(): { listener: StreamCore; listenId: number } {
    const listener = this.tunnel.open({ kind: 'listen', name: 'n', owner: 'o', claim: 0 }, null);
    const listenId = this.opens().at(-1)!.id;
    this.accept(listenId, { claim: 7 });
    return { listener, listenId };
  }

  /** A stream that the tunnel is about to accept on it. */
  accepting(listener: StreamCore, listenId: number, secret = nextId()): { stream: StreamCore; offer: Offer } {
    const offer = { id: nextId(), uid: nextId(), name: 'n', meta: null, key: secret };
    this.say(encodeOffer(listenId, offer));
    const target = { kind: 'accept' as const, offerId: offer.id };
    const stream = this.tunnel.open(target, null, { uid: offer.uid, offer: { offer, listener } });
    return { stream, offer };
  }

  /** A stream that the tunnel accepted: with the secret that both ends have. */
  accepted(secret = nextId()): { stream: StreamCore; id: number; key: ResumeKey; secret: string; listenId: number } {
    const { listener, listenId } = this.listening();
    const { stream } = this.accepting(listener, listenId, secret);
    const { id } = this.opens().at(-1)!;
    this.accept(id);
    this.frames();
    this.events();
    return { stream, id, key: new ResumeKey(secret, stream.uid, plainProve), secret, listenId };
  }

  /** The client comes back for a stream, through the relay. Returns the id that the relay gave it. */
  reopen(uid: string, resume: Reopen | undefined, fields: Partial<Open> = {}): number {
    const id = this.nextRemoteId;
    this.nextRemoteId += 2;
    const target = { kind: 'resume' as const, endpoint: ENDPOINT, waitMs: 0 };
    this.say(encodeOpen(id, { uid, credit: 1_000_000, meta: null, target, ...fields, ...(resume && { resume }) }));
    return id;
  }

  // ── what it says and tells ───────────────────────────────────────────────────────────────────────────────────────

  frames(connection = this.connection): Frame[] {
    const frames: Frame[] = [];
    for (let message = takeMessage(connection); message; message = takeMessage(connection))
      frames.push(...decodeMessage(message.slice(), 1024 * 1024).frames);
    return frames;
  }

  /** The same in words. */
  told(connection = this.connection): string[] {
    return this.frames(connection).map(describeFrame);
  }

  opens(): { id: number; open: Open }[] {
    return this.frames().flatMap((frame) => (frame.type === 'OPEN' ? [frame] : []));
  }

  events(): string[] {
    return this.tunnel.takeEvents().map(describeEvent);
  }

  get left(): { streams: number; suspended: number; ids: number; deadline: number } {
    const { streamCount, suspendedCount } = this.tunnel;
    const deadline = this.tunnel.nextDeadline();
    return { streams: streamCount, suspended: suspendedCount, ids: this.connection.streamCount, deadline };
  }
}

export const NOTHING_LEFT = { streams: 0, suspended: 0, ids: 0, deadline: Number.POSITIVE_INFINITY };

/** What one side says of how far it is. */
export function progress(key: ResumeKey, side: Side, epoch: number, received: number, ended = false) {
  return { received, ended, proof: key.proofOf(side, epoch, received, ended) };
}

export function reopening(key: ResumeKey, epoch: number, received: number, ended = false): Reopen {
  return { epoch, ...progress(key, 'open', epoch, received, ended) };
}

function describeFrame(frame: Frame): string {
  switch (frame.type) {
    case 'OPEN': {
      const { target, resume } = frame.open;
      const again = resume ? ` again: ${resume.received}${resume.ended ? ' ended' : ''}` : '';
      return `OPEN ${frame.id} ${target.kind}${again}`;
    }
    case 'ACCEPT': {
      const { resume } = frame.accept;
      return `ACCEPT ${frame.id}${resume ? ` again: ${resume.received}${resume.ended ? ' ended' : ''}` : ''}`;
    }
    case 'GOAWAY':
      return `GOAWAY ${frame.error.code}`;
    case 'RESET':
    case 'DETACH':
      return `${frame.type} ${frame.id} ${frame.error.code}`;
    case 'DATA':
      return `DATA ${frame.id} ${[...frame.payload]}`;
    case 'END':
      return `END ${frame.id} ${frame.finalOffset}`;
    default:
      return 'id' in frame ? `${frame.type} ${frame.id}` : frame.type;
  }
}
