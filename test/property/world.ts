import type { StreamCore, StreamEvent } from '../../src/core/stream.js';
import { createDialedTunnel, type TunnelEvent } from '../../src/core/tunnel.js';
import type { ErrorCode } from '../../src/protocol/codes.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import { SeededRandom } from '../support/seeded-random.js';
import { type Link, SimulatedNetwork } from '../support/simulated-network.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { type Connect, ModelConnects } from './model-connects.js';
import { ModelRelay } from './model-relay.js';
import { ModelStream, Violation } from './model-stream.js';
import { ModelTunnel } from './model-tunnel.js';
import { PATIENCE_MS, relayOptionsOf, tunnelOptionsOf, type WorldOptions } from './world-options.js';

export type { WorldOptions };

/** The model of everything: streams by uid, and the rules of what may happen to them. */
export class World {
  readonly random: SeededRandom;
  readonly clock = new VirtualClock(1);
  readonly network: SimulatedNetwork;
  readonly relays: ModelRelay[] = [];
  readonly tunnels: ModelTunnel[] = [];
  readonly streams: ModelStream[] = [];
  private readonly connects = new ModelConnects((accepted) => this.mayBeOfferedAgain(accepted));
  /** Opened when the relay's limits were not known yet: it may turn out to allow less than its defaults. */
  private readonly beforeWelcome = new Set<ModelStream>();
  private isFinishing = false;
  private readonly byCore = new Map<StreamCore, ModelStream>();

  constructor(readonly options: WorldOptions) {
    this.random = new SeededRandom(options.seed);
    this.network = new SimulatedNetwork(this.clock, this.random.fork(), options.conditions);
    this.network.afterStep = () => this.observe();
    for (let count = 0; count < options.relays; count++) {
      const relay = new ModelRelay(relayOptionsOf(options), this.random.fork(), this.clock);
      this.relays.push(relay);
      this.network.add(relay);
    }
  }

  /** Everybody dials. */
  start(): this {
    const { relays, tunnelsPerRelay } = this.options;
    for (let index = 0; index < relays * tunnelsPerRelay; index++) this.addTunnel(index);
    return this;
  }

  private addTunnel(index: number): void {
    const ids = this.random.fork();
    const core = createDialedTunnel(tunnelOptionsOf(this.options, ids, this.clock));
    const dial = (dialing: ModelTunnel) => this.dial(dialing);
    const tunnel = new ModelTunnel(core, `n${index}`, index % this.options.relays, this.clock, ids.fork(), dial);
    this.tunnels.push(tunnel);
    this.network.add(tunnel);
    this.dial(tunnel);
    this.listen(tunnel);
  }

  /** Where a tunnel goes now. */
  protected relayFor(tunnel: ModelTunnel): ModelRelay {
    return this.relays[tunnel.relayIndex] as ModelRelay;
  }

  private dial(tunnel: ModelTunnel): void {
    const connection = tunnel.core.connections.dial();
    const relay = this.relayFor(tunnel);
    if (relay.isUp) this.linked(this.network.connect(connection, relay.core.accept(this.clock.now())), relay);
    else connection.lost(new TrunklineError('CONNECTION_LOST', 'nobody answers there'));
  }

  /** A tunnel has got through to a relay. */
  protected linked(_link: Link, _relay: ModelRelay): void {}

  // ── what applications do ─────────────────────────────────────────────────────────────────────────────────────────

  listen(tunnel: ModelTunnel): void {
    if (tunnel.listener || tunnel.hasClosed) return;
    const owner = this.options.resumeWindowMs ? { owner: `owner of ${tunnel.name}` } : {};
    tunnel.listener = tunnel.core.open({ kind: 'listen', name: tunnel.name, ...owner, claim: 0 }, null);
  }

  endListener(tunnel: ModelTunnel): void {
    if (!tunnel.listener) return;
    tunnel.wasDown = true;
    tunnel.listener.end();
    tunnel.listener = undefined;
    tunnel.offers.length = 0;
  }

  connect(from: ModelTunnel, to: ModelTunnel, waitMs: number): ModelStream | undefined {
    if (!this.canMeet(from, to) || from.hasClosed) return undefined;
    const uid = this.random.id();
    const core = from.core.open({ kind: 'connect', name: to.name, waitMs }, null, { uid });
    const stream = this.track(core, Number.parseInt(uid.slice(0, 8), 16), Number.parseInt(uid.slice(8, 16), 16));
    this.connects.add({ stream, from, to });
    if (from.core.stateName === 'connecting') this.beforeWelcome.add(stream);
    return stream;
  }

  protected canMeet(one: ModelTunnel, other: ModelTunnel): boolean {
    return one.relayIndex === other.relayIndex;
  }

  accept(tunnel: ModelTunnel): ModelStream | undefined {
    const next = tunnel.offers.shift();
    if (next === undefined) return undefined;
    const { offer } = next;
    const { uid } = offer;
    const { stream: client } = this.connects.of(uid);
    const core = tunnel.core.open({ kind: 'accept', offerId: offer.id }, null, { uid, offer: next });
    if (this.connects.isAcceptedTooOften(client, core)) return undefined;
    const stream = this.track(core, Number.parseInt(uid.slice(8, 16), 16), Number.parseInt(uid.slice(0, 8), 16));
    stream.other = client;
    client.other = stream;
    return stream;
  }

  protected mayBeOfferedAgain(_accepted: ModelStream): boolean {
    return false;
  }

  refuse(tunnel: ModelTunnel): void {
    const next = tunnel.offers.shift();
    if (next === undefined) return;
    const { offer, listener } = next;
    tunnel.refusedUids.add(offer.uid);
    listener.refuse(offer.id, { code: 'REFUSED', reason: 'no', appCode: 'BUSY' });
  }

  closeTunnel(tunnel: ModelTunnel): void {
    if (tunnel.hasClosed) return;
    tunnel.hasClosed = true;
    tunnel.wasDown = true;
    tunnel.listener = undefined;
    tunnel.offers.length = 0;
    tunnel.core.close(new TrunklineError('TUNNEL_CLOSED', 'closed by the model'));
  }

  private track(core: StreamCore, saltOut: number, saltIn: number): ModelStream {
    const { window, earlyWindowBytes, resumeWindowMs = 0 } = this.options;
    const limits = { maxBytes: Math.max(window.maxWindowBytes, earlyWindowBytes), retains: resumeWindowMs > 0 };
    const stream = new ModelStream(core, this.clock, saltOut, saltIn, limits);
    this.streams.push(stream);
    this.byCore.set(core, stream);
    return stream;
  }

  // ── what the cores tell ──────────────────────────────────────────────────────────────────────────────────────────

  /** Takes every event and checks what must hold now. */
  observe(): void {
    // Reading causes events of its own in no other tunnel, so one pass takes them all.
    for (const tunnel of this.tunnels) for (const event of tunnel.core.takeEvents()) this.handle(tunnel, event);
    if (this.isFinishing) this.finishAll();
    for (const stream of this.streams) stream.check();
    for (const relay of this.relays) relay.check();
  }

  private finishAll(): void {
    for (const tunnel of this.tunnels) while (tunnel.offers.length > 0) this.accept(tunnel);
    for (const stream of this.streams) {
      stream.isPaused = false;
      stream.read(Number.POSITIVE_INFINITY);
      stream.end();
    }
  }

  private handle(tunnel: ModelTunnel, event: TunnelEvent): void {
    tunnel.handle(event);
    switch (event.type) {
      case 'incoming':
        throw new Violation('a relay opened a stream');
      case 'closed':
        if (this.isFailure(tunnel, event.error))
          throw new Violation(`a tunnel ended by itself: ${event.error.code} ${event.error.message}`);
        return;
      case 'stream':
        return this.handleStream(tunnel, event.stream, event.event);
      default:
    }
  }

  protected isFailure(tunnel: ModelTunnel, _error: TrunklineError): boolean {
    return !tunnel.hasClosed;
  }

  private handleStream(tunnel: ModelTunnel, core: StreamCore, event: StreamEvent): void {
    if (this.connects.hears(core, event)) return;
    const stream = this.byCore.get(core);
    if (stream === undefined) return this.handleListener(tunnel, core, event);
    stream.handle(event);
    if (event.type === 'failed') this.judge(stream, tunnel, event.error);
  }

  private handleListener(tunnel: ModelTunnel, core: StreamCore, event: StreamEvent): void {
    if (event.type === 'offer' && core === tunnel.listener) {
      this.connects.checkOffer(event.offer.uid, tunnel);
      tunnel.offers.push({ offer: event.offer, listener: core });
    }
    if (event.type !== 'failed' || tunnel.hasClosed) return;
    // Its END may be overtaken by the OPEN of its successor, which has the same owner and takes the name.
    if (core !== tunnel.listener && event.error.code === 'SUPERSEDED') return;
    if (!this.mayLoseName(event.error)) throw new Violation(`a listener failed: ${event.error.code}`);
    tunnel.wasDown = true;
    if (core === tunnel.listener) tunnel.listener = undefined;
  }

  /** The old registration may still be there when its successor arrives: END of the one, OPEN of the other overtake. */
  protected mayLoseName({ code }: TrunklineError): boolean {
    return code === 'NAME_TAKEN';
  }

  /** A failure needs somebody who caused it. */
  private judge(stream: ModelStream, tunnel: ModelTunnel, error: TrunklineError): void {
    const allowed = this.causes(stream, tunnel);
    if (!allowed.has(error.code))
      throw new Violation(
        `failed with ${error.code} (${error.message}); possible: ${[...allowed].join(' ') || 'none'}`,
      );
  }

  protected causes(stream: ModelStream, tunnel: ModelTunnel): Set<ErrorCode> {
    const causes = new Set<ErrorCode>();
    if (tunnel.hasClosed) causes.add('TUNNEL_CLOSED');
    const client = this.clientOf(stream);
    const isClient = client.stream === stream;
    if (stream.other && stream.other.life === 'given up') causes.add('CANCELED');
    if (isClient) {
      const { to } = client;
      if (to.hasClosed) causes.add('LISTENER_GONE');
      if (to.wasDown) causes.add('NO_LISTENER').add('LISTENER_GONE');
      if (this.beforeWelcome.has(stream)) causes.add('LIMIT_STREAMS');
      if (to.refusedUids.has(stream.core.uid)) causes.add('REFUSED');
    } else {
      if (client.from.hasClosed) causes.add('TUNNEL_CLOSED').add('CANCELED');
      // Its offer was withdrawn while the accept was on its way: the client, or the listener itself, is gone.
      if (client.stream.life !== 'live' || tunnel.wasDown) causes.add('CANCELED');
    }
    return causes;
  }

  protected clientOf(stream: ModelStream): Connect {
    return this.connects.of(stream.core.uid);
  }

  // ── the end of a run ─────────────────────────────────────────────────────────────────────────────────────────────

  /** Everybody reads, answers and ends: whatever was not given up must arrive, whatever the windows were full of. */
  finish(): void {
    for (const tunnel of this.tunnels) this.listen(tunnel);
    this.isFinishing = true;
    this.observe();
    this.network.settle();
    this.patience();
    for (const stream of this.streams) {
      if (stream.isLive)
        throw new Violation(`a stream is stuck: ${stream.describe()}, other end: ${stream.other?.describe()}`);
    }
  }

  /** Connects that wait for a listener that never comes; nothing else needs time to pass. */
  protected patience(): void {
    this.network.elapse(PATIENCE_MS);
  }

  /** Listeners go, tunnels close: nothing may be left anywhere. */
  tearDown(): void {
    for (const tunnel of this.tunnels) this.endListener(tunnel);
    this.quiesce();
    for (const { core } of this.tunnels) {
      if (core.streamCount > 0) throw new Violation(`${core.streamCount} streams are left in a tunnel`);
      if (core.suspendedCount > 0) throw new Violation(`${core.suspendedCount} suspended streams are left`);
      const ids = core.connection?.streamCount ?? 0;
      if (ids > 0) throw new Violation(`${ids} streams on a connection`);
    }
    for (const relay of this.relays) relay.checkIdle();
    for (const tunnel of this.tunnels) this.closeTunnel(tunnel);
    this.network.settle();
    if (this.network.openLinks.length > 0) throw new Violation('connections are left');
    for (const relay of this.relays) relay.checkEmpty();
  }

  /** Lets everything happen that needs no more than this to happen. */
  protected quiesce(): void {
    this.network.settle();
  }
}
