import type { WindowOptions } from '../../src/core/receive-half.js';
import type { StreamCore, StreamEvent } from '../../src/core/stream.js';
import {
  type AcceptedTunnelCore,
  createDialedTunnel,
  type DialedTunnelCore,
  type TunnelCore,
  type TunnelCoreOptions,
  type TunnelEvent,
} from '../../src/core/tunnel.js';
import { FrameType } from '../../src/protocol/constants.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Open } from '../../src/protocol/frames.js';
import { resolveLimits } from '../../src/protocol/limits.js';
import { decodeMessage } from '../support/decode-message.js';
import { SeededRandom } from '../support/seeded-random.js';
import { type Conditions, type Link, SimulatedNetwork } from '../support/simulated-network.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { AcceptorStories, type End, type Terms } from './acceptor-stories.js';
import { ModelAcceptor, tunnelIdOf } from './model-acceptor.js';
import { ModelStream, Violation } from './model-stream.js';
import { ModelTunnel } from './model-tunnel.js';
import { Replayer } from './replayer.js';
import { LINGER_MS, waitForStreams } from './waiting.js';

export interface AcceptorWorldOptions extends Terms {
  seed: number;
  tunnels: number;
  window: WindowOptions;
  earlyWindowBytes: number;
  maxFrameBytes: number;
  conditions: Conditions;
  heartbeat: { intervalMs: number; timeoutMs: number };
  decisionMs: readonly [number, number];
  firstLocalId: number;
}

/** Dialers and an acceptor, both of whom open streams, and everything that may go wrong between them. */
export class AcceptorWorld {
  readonly random: SeededRandom;
  readonly clock = new VirtualClock(1);
  readonly network: SimulatedNetwork;
  readonly ends: End[] = [];
  streams: ModelStream[] = [];
  /** Those that a restart of the acceptor took with it. */
  readonly vanished: ModelStream[] = [];
  /** Re-opens that were seen on their way. */
  readonly captured: { open: Open; tunnelId: string }[] = [];
  readonly openedBy = { dialer: 0, acceptor: 0 };
  private readonly acceptor: ModelAcceptor;
  private readonly byCore = new Map<StreamCore, ModelStream>();
  private readonly stories: AcceptorStories;
  private readonly impostors = new Set<Replayer>();
  private isFinishing = false;

  constructor(readonly options: AcceptorWorldOptions) {
    this.random = new SeededRandom(options.seed);
    this.stories = new AcceptorStories(options, this.ends);
    this.network = new SimulatedNetwork(this.clock, this.random.fork(), options.conditions);
    this.network.afterStep = () => this.observe();
    const { heartbeat, decisionMs, acceptorWindowMs } = options;
    const ids = this.random.fork();
    const tunnel = this.tunnelOptions(ids, acceptorWindowMs);
    this.acceptor = new ModelAcceptor({ tunnel, heartbeat, decisionMs }, ids.fork(), this.clock, (core, tunnelId) =>
      this.ends.push({ core, side: 'acceptor', tunnelId, unanswered: [], hasClosed: false }),
    );
    this.network.add(this.acceptor);
    for (let count = 0; count < options.tunnels; count++) this.addDialer(count);
  }

  private tunnelOptions(random: SeededRandom, resumeWindowMs: number): TunnelCoreOptions {
    const { window, earlyWindowBytes, maxFrameBytes, maxStreams, firstLocalId, mode } = this.options;
    return {
      limits: resolveLimits({ earlyWindowBytes, maxFrameBytes, maxStreams }),
      window,
      randomId: () => random.id(),
      random: () => random.next(),
      now: this.clock.now,
      prove: (key, statement) => `${statement} ${key}`,
      resumeWindowMs,
      firstLocalId,
      mode,
      // Where nobody comes back, a tunnel is one connection.
      firstDials: this.isResumable ? Number.POSITIVE_INFINITY : 1,
    };
  }

  private addDialer(index: number): void {
    const random = this.random.fork();
    const core = createDialedTunnel(this.tunnelOptions(random, this.options.dialerWindowMs));
    const dialing = new ModelTunnel(core, `d${index}`, 0, this.clock, random.fork(), () => this.dial(core));
    const { endpoint } = core.connections;
    const tunnelId = endpoint === undefined ? `nameless ${index}` : tunnelIdOf(endpoint);
    this.ends.push({ core, side: 'dialer', tunnelId, dialing, unanswered: [], hasClosed: false });
    this.network.add(dialing);
    this.dial(core);
  }

  /** Dials, whether there is a connection or not. */
  dial(core: DialedTunnelCore): void {
    if (core.stateName === 'closed') return;
    this.linked(this.network.connect(core.connections.dial(), this.acceptor.accept()), core);
  }

  private linked(link: Link, core: DialedTunnelCore): void {
    const { endpoint } = core.connections;
    if (endpoint === undefined) return;
    const tunnelId = tunnelIdOf(endpoint);
    for (const pipe of [link.up, link.down]) pipe.onDeliver = (message) => this.capture(message, tunnelId);
  }

  private capture(message: Uint8Array, tunnelId: string): void {
    if (message[4] !== FrameType.Open) return;
    for (const frame of decodeMessage(message.slice(), 1024 * 1024).frames)
      if (frame.type === 'OPEN' && frame.open.resume) this.captured.push({ open: frame.open, tunnelId });
  }

  /** The acceptor's process is gone, with all that it knew. */
  restartAcceptor(): void {
    for (const link of this.network.openLinks) link.tear('acceptor', this.random.integer(0, 2000));
    this.acceptor.forgetAll();
    const gone = this.ends.filter(({ side }) => side === 'acceptor');
    for (const end of gone) this.ends.splice(this.ends.indexOf(end), 1);
    this.stories.acceptorRestarted();
    const isGone = (stream: ModelStream) => gone.some(({ core }) => core === this.coreOf.get(stream));
    this.vanished.push(...this.streams.filter(isGone));
    this.streams = this.streams.filter((stream) => !isGone(stream));
    for (const stream of this.vanished) if (stream.isLive) stream.life = 'given up';
  }

  /** Somebody who knows a tunnel's id, and what was said on it, and not its secret. */
  impersonate(tunnelId: string, open: Open): void {
    this.stories.impostorIds.add(tunnelIdOf(tunnelId));
    const impostor = new Replayer(this.clock.now(), open, tunnelId);
    this.impostors.add(impostor);
    this.network.connect(impostor.connection, this.acceptor.accept());
  }

  // ── what applications do ─────────────────────────────────────────────────────────────────────────────────────────

  private readonly coreOf = new Map<ModelStream, TunnelCore>();

  open(end: End): void {
    if (end.hasClosed || end.core.stateName === 'closed' || this.stories.impostorIds.has(end.tunnelId)) return;
    if (this.stories.isTheOthers(end)) return;
    const uid = this.random.id();
    const core = end.core.open({ kind: 'plain' }, { uid }, { uid });
    const initiator = this.track(end, core, saltOf(uid, 0), saltOf(uid, 1));
    this.stories.begin(initiator, end);
    this.openedBy[end.side]++;
  }

  accept(end: End): void {
    const stream = end.unanswered.shift();
    if (stream?.isLive) stream.core.accept();
  }

  refuse(end: End): void {
    const stream = end.unanswered.shift();
    if (!stream?.isLive) return;
    this.stories.of(stream.core).wasRefused = true;
    stream.destroy('REFUSED');
  }

  close(end: End): void {
    if (end.core.stateName === 'closed') return;
    end.hasClosed = true;
    this.stories.closedTunnels.add(end.tunnelId);
    end.core.close(new TrunklineError('TUNNEL_CLOSED', 'closed by the model'));
  }

  private track(end: End, core: StreamCore, saltOut: number, saltIn: number): ModelStream {
    const { window, earlyWindowBytes } = this.options;
    const limits = { maxBytes: Math.max(window.maxWindowBytes, earlyWindowBytes), retains: this.isResumable };
    const stream = new ModelStream(core, this.clock, saltOut, saltIn, limits);
    this.streams.push(stream);
    this.byCore.set(core, stream);
    this.coreOf.set(stream, end.core);
    return stream;
  }

  // ── what the cores tell ──────────────────────────────────────────────────────────────────────────────────────────

  observe(): void {
    for (const end of this.ends) for (const event of end.core.takeEvents()) this.handle(end, event);
    if (this.isFinishing) this.finishAll();
    for (const stream of this.streams) stream.check();
    this.checkPlaces();
  }

  /** A dialer that is back has left its other connections, whatever the acceptor knows of them. */
  private checkPlaces(): void {
    for (const { core, side } of this.ends) {
      if (side === 'dialer') continue;
      for (const { connection } of inside(core).streams)
        if (connection !== undefined && connection !== core.connection)
          throw new Violation('a stream has its place on a connection that was left');
    }
  }

  private finishAll(): void {
    for (const end of this.ends) while (end.unanswered.length > 0) this.accept(end);
    for (const stream of this.streams) {
      stream.isPaused = false;
      if (stream.core.currentPhase === 'incoming') continue;
      stream.read(Number.POSITIVE_INFINITY);
      stream.end();
    }
  }

  private handle(end: End, event: TunnelEvent): void {
    end.dialing?.handle(event);
    switch (event.type) {
      case 'incoming':
        return this.handleIncoming(end, event.stream);
      case 'closed':
        return this.handleClosed(end, event.error);
      case 'stream':
        return this.handleStream(end, event.stream, event.event);
      default:
    }
  }

  private handleIncoming(end: End, core: StreamCore): void {
    // What an impostor opens on a tunnel of its own is nobody's stream.
    if (this.stories.impostorIds.has(end.tunnelId)) return core.reset(new TrunklineError('REFUSED', 'an impostor'));
    const story = this.stories.arrived(core, end);
    const stream = this.track(end, core, saltOf(core.uid, 1), saltOf(core.uid, 0));
    stream.other = story.initiator;
    story.initiator.other = stream;
    end.unanswered.push(stream);
    // As every tunnel does: the only stream of one must not be lost before it was taken.
    if (this.stories.isForOne) this.accept(end);
  }

  private handleClosed(end: End, error: TrunklineError): void {
    if (end.side === 'acceptor') this.acceptor.closed(end.core as AcceptedTunnelCore);
    if (end.hasClosed) return;
    end.hasClosed = true;
    this.stories.judgeTunnel(end, error);
  }

  private handleStream(end: End, core: StreamCore, event: StreamEvent): void {
    const stream = this.byCore.get(core);
    if (stream === undefined) return;
    stream.handle(event);
    if (event.type === 'failed') this.stories.judge(end, stream, event.error);
  }

  get isResumable(): boolean {
    return this.stories.isResumable;
  }

  // ── the end of a run ─────────────────────────────────────────────────────────────────────────────────────────────

  /** Nothing goes wrong any more. */
  calm(): void {
    for (const impostor of this.impostors) impostor.stop('TUNNEL_CLOSED');
    for (const link of this.network.openLinks) if (link.isHalfOpen) link.cut();
  }

  /** Everybody reads, answers and ends: whatever was not given up must arrive. */
  finish(): void {
    this.isFinishing = true;
    this.observe();
    this.network.settle();
    waitForStreams(this.network, () => this.streams);
    for (const stream of this.streams) {
      if (stream.isLive)
        throw new Violation(`a stream is stuck: ${stream.describe()}, other end: ${stream.other?.describe()}`);
    }
    this.stories.checkPairs(this.streams);
  }

  /** Nothing may be left of streams; then tunnels close, and nothing may be left at all. */
  tearDown(): void {
    const { dialerWindowMs, acceptorWindowMs } = this.options;
    this.network.elapse(Math.max(dialerWindowMs, acceptorWindowMs) + LINGER_MS);
    for (const { core, side } of this.ends) {
      if (core.streamCount > 0) throw new Violation(`${core.streamCount} streams are left in a tunnel of the ${side}`);
      if (core.suspendedCount > 0) throw new Violation(`${core.suspendedCount} suspended streams are left`);
      if (inside(core).accepted.size > 0) throw new Violation('streams are left that were taken');
      const ids = core.connection?.streamCount ?? 0;
      if (ids > 0) throw new Violation(`${ids} streams on a connection of the ${side}`);
    }
    const [one] = this.ends;
    const side = this.random.pick(['dialer', 'acceptor'] as const);
    for (const end of this.ends) if (end.side === side || one === end) this.close(end);
    this.network.settle();
    for (const end of this.ends) this.close(end);
    this.network.settle();
    this.observe();
    if (this.network.openLinks.length > 0) throw new Violation('connections are left');
    this.acceptor.checkEmpty();
    for (const { core } of this.ends)
      if (core.nextDeadline() !== Number.POSITIVE_INFINITY) throw new Violation('a tunnel that is over waits');
  }
}

function saltOf(uid: string, which: 0 | 1): number {
  return Number.parseInt(uid.slice(8 * which, 8 * which + 8), 16);
}

function inside(core: TunnelCore): { accepted: Map<string, StreamCore>; streams: Set<StreamCore> } {
  return core as unknown as { accepted: Map<string, StreamCore>; streams: Set<StreamCore> };
}
