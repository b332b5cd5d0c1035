import type { ErrorCode } from '../../src/protocol/codes.js';
import { FrameType } from '../../src/protocol/constants.js';
import type { TrunklineError } from '../../src/protocol/errors.js';
import type { Open } from '../../src/protocol/frames.js';
import { decodeMessage } from '../support/decode-message.js';
import type { Link } from '../support/simulated-network.js';
import type { ModelRelay } from './model-relay.js';
import type { ModelStream } from './model-stream.js';
import { Violation } from './model-stream.js';
import type { ModelTunnel } from './model-tunnel.js';
import { Replayer } from './replayer.js';
import { SHORT_WINDOW_MS } from './scenario.js';
import { LINGER_MS, waitForStreams } from './waiting.js';
import { World, type WorldOptions } from './world.js';

export interface ResumeWorldOptions extends WorldOptions {
  resumeWindowMs: number;
}

/**
 * Tunnels that dial again, relays of which one at a time is the one to dial, and everything that may go wrong between
 * them. What is said of streams that nobody has given up is the stronger here: they must not fail.
 */
export class ResumeWorld extends World {
  private activeRelay = 0;
  private isCalm = false;
  private readonly linksOf = new Map<ModelRelay, Set<Link>>();
  /** Re-opens that a relay has seen. */
  readonly captured: Open[] = [];
  private readonly replayers = new Set<Replayer>();

  constructor(override readonly options: ResumeWorldOptions) {
    super(options);
  }

  // ── where tunnels dial ───────────────────────────────────────────────────────────────────────────────────────────

  get active(): ModelRelay {
    return this.relays[this.activeRelay] as ModelRelay;
  }

  protected override relayFor(): ModelRelay {
    return this.relays[this.activeRelay] as ModelRelay;
  }

  protected override canMeet(): boolean {
    return true;
  }

  protected override linked(link: Link, relay: ModelRelay): void {
    const links = this.linksOf.get(relay) ?? new Set();
    this.linksOf.set(relay, links.add(link));
    link.up.onDeliver = (message) => this.capture(message);
  }

  private capture(message: Uint8Array): void {
    if (message[4] !== FrameType.Open) return;
    for (const frame of decodeMessage(message.slice(), 1024 * 1024).frames)
      if (frame.type === 'OPEN' && frame.open.target.kind === 'resume') this.captured.push(frame.open);
  }

  /** The relay's process is gone; whoever was connected learns of it sooner or later. */
  kill(relay: ModelRelay): void {
    if (!relay.isUp) return;
    relay.kill();
    for (const link of this.linksOf.get(relay) ?? [])
      if (!link.isClosed) link.tear('acceptor', this.random.integer(0, 2000));
    this.linksOf.delete(relay);
  }

  failOver(): void {
    this.activeRelay = (this.activeRelay + 1) % this.relays.length;
  }

  /** Somebody plays back what was once said to a relay. */
  replay(open: Open): void {
    if (!this.active.isUp) return;
    const replayer = new Replayer(this.clock.now(), open);
    this.replayers.add(replayer);
    this.network.connect(replayer.connection, this.active.core.accept(this.clock.now()));
  }

  stopReplaying(): void {
    // They fall silent. What one played may have been the newest that the other end ever heard; if it then said goodbye,
    // it would be believed, as its owner would: who holds an unused proof is the opener.
    for (const replayer of this.replayers) replayer.stop('CONNECTION_LOST');
    this.replayers.clear();
  }

  // ── what may fail ────────────────────────────────────────────────────────────────────────────────────────────────

  protected override causes(stream: ModelStream, tunnel: ModelTunnel): Set<ErrorCode> {
    const causes = super.causes(stream, tunnel);
    const { from, to, stream: client } = this.clientOf(stream);
    const isClient = client === stream;
    // Names are reserved, and those who wait for them are patient: as long as a window.
    if (isClient && !to.hasClosed && !this.isWindowShort)
      for (const code of ['NO_LISTENER', 'LISTENER_GONE'] as const) causes.delete(code);
    // Whoever is gone for good, or gave it up and could not say so, is waited for in vain.
    if (this.isWindowShort || (isClient ? to : from).hasClosed || (isClient ? stream.other : client)?.hasFailed)
      causes.add('RESUME_EXPIRED').add('RESUME_UNKNOWN');
    if (isClient && stream.other?.hasFailed) causes.add('REFUSED');
    // What was accepted over a connection that was gone, or for a client that had to connect again, is offered again.
    if (!isClient && !stream.hasOpened) causes.add('CANCELED');
    if (!isClient && from.hasClosed) causes.add('CONNECTION_LOST');
    return causes;
  }

  /** With a window that is shorter than some of what goes wrong, tunnels and names may be lost to it. */
  protected override isFailure(tunnel: ModelTunnel, error: TrunklineError): boolean {
    if (error.code !== 'RESUME_EXPIRED' || !this.isWindowShort) return super.isFailure(tunnel, error);
    tunnel.hasClosed = true;
    return false;
  }

  protected override mayLoseName({ code }: TrunklineError): boolean {
    return code === 'RESUME_EXPIRED' && this.isWindowShort;
  }

  /** Where the one end's window was over before the other's, the client asks for what is gone. */
  protected override mayBeOfferedAgain({ failure, life, core }: ModelStream): boolean {
    // What its application gave up is remembered for as long: it fails in silence when that is over.
    const isForgotten = life === 'given up' && core.currentPhase === 'closed';
    return this.isWindowShort && (isForgotten || failure?.code === 'RESUME_EXPIRED');
  }

  private get isWindowShort(): boolean {
    return this.options.resumeWindowMs <= SHORT_WINDOW_MS;
  }

  /** Who has all that it wanted leaves nobody behind who has not. */
  checkPairs(): void {
    for (const stream of this.streams) {
      if (stream.life !== 'closed') continue;
      const { other } = stream;
      if ((other === undefined || other.life === 'failed') && !this.isWindowShort)
        throw new Violation(`a stream is closed here and ${other?.life} there (${other?.failure?.code})`);
    }
  }

  // ── the end of a run ─────────────────────────────────────────────────────────────────────────────────────────────

  /** Nothing goes wrong any more. */
  calm(): void {
    this.isCalm = true;
    this.stopReplaying();
    for (const link of this.network.openLinks) if (link.isHalfOpen) link.cut();
    for (const relay of this.relays) if (!relay.isUp) relay.restart();
    // Whoever is at another relay than the one to dial would never meet the others.
    for (const [relay, links] of this.linksOf) if (relay !== this.active) for (const link of links) link.cut();
  }

  protected override patience(): void {
    if (!this.isCalm) throw new Violation('a world that is not calm does not come to an end');
    waitForStreams(this.network, () => this.streams);
  }

  protected override quiesce(): void {
    this.network.elapse(this.options.resumeWindowMs + LINGER_MS);
  }
}
