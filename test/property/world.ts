import { Leg } from '../../relay/leg.js';
import { type RelayOptions, resolveOptions } from '../../relay/options.js';
import { RelayCore } from '../../relay/relay-core.js';
import type { ConnectionCore } from '../../src/core/connection.js';
import type { WindowOptions } from '../../src/core/receive-half.js';
import type { StreamCore, StreamEvent } from '../../src/core/stream.js';
import { TunnelCore, type TunnelEvent } from '../../src/core/tunnel.js';
import type { ErrorCode } from '../../src/protocol/codes.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Offer } from '../../src/protocol/frames.js';
import { resolveLimits } from '../../src/protocol/limits.js';
import { SeededRandom } from '../support/seeded-random.js';
import { type Conditions, SimulatedNetwork } from '../support/simulated-network.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { ModelStream, Violation } from './model-stream.js';

/** What a relay's cores keep to themselves, for tests that ask whether anything is left. */
interface RelayInside {
  connections: Set<ConnectionCore>;
  broker: { pendingCount: number; parties: Map<ConnectionCore, { pendingConnects: number }> };
}

export function relayInside(core: RelayCore): RelayInside {
  return core as unknown as RelayInside;
}

export function legsOf(connection: ConnectionCore): Leg[] {
  const { table } = connection as unknown as { table: { values(): Iterable<unknown> } };
  return [...table.values()].filter((attachment) => attachment instanceof Leg);
}

export interface WorldOptions {
  seed: number;
  relays: number;
  tunnelsPerRelay: number;
  window: WindowOptions;
  earlyWindowBytes: number;
  maxFrameBytes: number;
  egressBytes: number;
  maxPendingConnects: number;
  conditions: Conditions;
}

/** Longer than all connects of one run may wait, one after the other. */
const PATIENCE_MS = 1_000_000;

/** A relay, who came to it, and the alternation of its names. */
export class ModelRelay {
  readonly core: RelayCore;
  readonly heldNames = new Set<string>();

  constructor(options: RelayOptions, random: SeededRandom) {
    this.core = new RelayCore(resolveOptions(options), random.id(), () => random.id(), {
      created: (name) => {
        if (this.heldNames.has(name)) throw new Violation(`${name} was created twice`);
        this.heldNames.add(name);
      },
      destroyed: (name) => {
        if (!this.heldNames.delete(name)) throw new Violation(`${name} was destroyed twice`);
      },
      tunnelOpened: () => {},
      defectFound: (error) => {
        throw error;
      },
    });
  }

  check(): void {
    const { egressBytes, earlyWindowBytes } = this.core.options.limits;
    const { connections, broker } = relayInside(this.core);
    for (const connection of connections) {
      // The share that a leg was granted is by the number of streams at that time: the first may have had it all.
      const queued = legsOf(connection).map((leg) => leg.outbound.queued);
      const bound = queued.reduce(
        (sum, _, index) => sum + Math.max(earlyWindowBytes, Math.floor(egressBytes / (index + 1))),
        0,
      );
      const total = queued.reduce((sum, bytes) => sum + bytes, 0);
      if (total > bound) throw new Violation(`${total} bytes wait for one tunnel, over ${bound}`);
    }
    const { pending } = this.core.stats.connects;
    const counted = [...broker.parties.values()].reduce((sum, party) => sum + party.pendingConnects, 0);
    if (pending !== broker.pendingCount || pending !== counted)
      throw new Violation(`pending connects: ${pending} by the counters, ${broker.pendingCount}, ${counted} by tunnel`);
  }
}

/** One endpoint: a tunnel, the name it listens on, and the offers that its application has not answered. */
export class ModelTunnel {
  listener: StreamCore | undefined;
  readonly offers: Offer[] = [];
  hasClosed = false;
  /** Some of the time nobody listened, so a connect may rightly fail. */
  wasDown = true;
  readonly refusedUids = new Set<string>();

  constructor(
    readonly core: TunnelCore,
    readonly relay: ModelRelay,
    readonly name: string,
  ) {}
}

/** The model of everything: streams by uid, and the rules of what may happen to them. */
export class World {
  readonly random: SeededRandom;
  readonly clock = new VirtualClock(1);
  readonly network: SimulatedNetwork;
  readonly relays: ModelRelay[] = [];
  readonly tunnels: ModelTunnel[] = [];
  readonly streams: ModelStream[] = [];
  private readonly clients = new Map<string, { stream: ModelStream; from: ModelTunnel; to: ModelTunnel }>();
  /** Opened when the relay's limits were not known yet: it may turn out to allow less than its defaults. */
  private readonly beforeWelcome = new Set<ModelStream>();
  private isFinishing = false;
  private readonly byCore = new Map<StreamCore, ModelStream>();

  constructor(readonly options: WorldOptions) {
    this.random = new SeededRandom(options.seed);
    this.network = new SimulatedNetwork(this.clock, this.random.fork(), options.conditions);
    this.network.afterStep = () => this.observe();
    const { earlyWindowBytes, maxFrameBytes, egressBytes, maxPendingConnects } = options;
    const limits = { earlyWindowBytes, maxFrameBytes, maxPendingConnects };
    for (let count = 0; count < options.relays; count++) {
      // Patience is not what is tried here: on a bad network an offer may take longer than any sane deadline.
      const relay = new ModelRelay(
        { limits: { ...limits, egressBytes, acceptTimeoutMs: PATIENCE_MS } },
        this.random.fork(),
      );
      this.relays.push(relay);
      this.network.add(relay.core);
      for (let index = 0; index < options.tunnelsPerRelay; index++) this.addTunnel(relay, `n${index}`);
    }
  }

  private addTunnel(relay: ModelRelay, name: string): void {
    const ids = this.random.fork();
    const { window, earlyWindowBytes, maxFrameBytes } = this.options;
    const now = this.clock.now();
    const core = new TunnelCore({
      limits: resolveLimits({ earlyWindowBytes, maxFrameBytes }),
      window,
      randomId: () => ids.id(),
      now,
    });
    const tunnel = new ModelTunnel(core, relay, name);
    this.tunnels.push(tunnel);
    this.network.connect(core.connection, relay.core.accept(now));
    this.listen(tunnel);
  }

  // ── what applications do ─────────────────────────────────────────────────────────────────────────────────────────

  listen(tunnel: ModelTunnel): void {
    if (tunnel.listener || tunnel.hasClosed) return;
    tunnel.listener = tunnel.core.open({ kind: 'listen', name: tunnel.name }, null);
  }

  endListener(tunnel: ModelTunnel): void {
    if (!tunnel.listener) return;
    tunnel.wasDown = true;
    tunnel.listener.end();
    tunnel.listener = undefined;
    tunnel.offers.length = 0;
  }

  connect(from: ModelTunnel, to: ModelTunnel, waitMs: number): ModelStream | undefined {
    if (from.relay !== to.relay || from.hasClosed) return undefined;
    const uid = this.random.id();
    const core = from.core.open({ kind: 'connect', name: to.name, waitMs }, null, uid);
    const stream = this.track(core, from, Number.parseInt(uid.slice(0, 8), 16), Number.parseInt(uid.slice(8, 16), 16));
    this.clients.set(uid, { stream, from, to });
    if (!from.core.connection.isOpen) this.beforeWelcome.add(stream);
    return stream;
  }

  accept(tunnel: ModelTunnel): ModelStream | undefined {
    const offer = tunnel.offers.shift();
    if (offer === undefined) return undefined;
    const client = this.clients.get(offer.uid);
    if (client === undefined || client.to !== tunnel) throw new Violation('an offer that is not for this listener');
    if (client.stream.other) throw new Violation('one connect was offered twice');
    const core = tunnel.core.open({ kind: 'accept', offerId: offer.id }, null, offer.uid);
    const { uid } = offer;
    const stream = this.track(
      core,
      tunnel,
      Number.parseInt(uid.slice(8, 16), 16),
      Number.parseInt(uid.slice(0, 8), 16),
    );
    stream.other = client.stream;
    client.stream.other = stream;
    return stream;
  }

  refuse(tunnel: ModelTunnel): void {
    const offer = tunnel.offers.shift();
    if (offer === undefined) return;
    tunnel.refusedUids.add(offer.uid);
    tunnel.listener?.refuse(offer.id, { code: 'REFUSED', reason: 'no', appCode: 'BUSY' });
  }

  closeTunnel(tunnel: ModelTunnel): void {
    if (tunnel.hasClosed) return;
    tunnel.hasClosed = true;
    tunnel.wasDown = true;
    tunnel.listener = undefined;
    tunnel.offers.length = 0;
    tunnel.core.close(new TrunklineError('TUNNEL_CLOSED', 'closed by the model'));
  }

  private track(core: StreamCore, tunnel: ModelTunnel, saltOut: number, saltIn: number): ModelStream {
    const stream = new ModelStream(core, tunnel.core, saltOut, saltIn, this.options.window.maxWindowBytes);
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
    switch (event.type) {
      case 'open':
        return;
      case 'incoming':
        throw new Violation('a relay opened a stream');
      case 'closed':
        if (!tunnel.hasClosed)
          throw new Violation(`a tunnel ended by itself: ${event.error.code} ${event.error.message}`);
        return;
      case 'stream':
        return this.handleStream(tunnel, event.stream, event.event);
    }
  }

  private handleStream(tunnel: ModelTunnel, core: StreamCore, event: StreamEvent): void {
    const stream = this.byCore.get(core);
    if (stream === undefined) return this.handleListener(tunnel, core, event);
    stream.handle(event);
    if (event.type === 'failed') this.judge(stream, tunnel, event.error);
  }

  private handleListener(tunnel: ModelTunnel, core: StreamCore, event: StreamEvent): void {
    if (event.type === 'offer' && core === tunnel.listener) tunnel.offers.push(event.offer);
    if (event.type !== 'failed' || tunnel.hasClosed) return;
    // The old registration may still be there when its successor arrives: END of the one, OPEN of the other overtake.
    if (event.error.code !== 'NAME_TAKEN') throw new Violation(`a listener failed: ${event.error.code}`);
    tunnel.wasDown = true;
    if (core === tunnel.listener) tunnel.listener = undefined;
  }

  /** A failure needs somebody who caused it. */
  private judge(stream: ModelStream, tunnel: ModelTunnel, error: TrunklineError): void {
    const allowed = this.causes(stream, tunnel);
    if (!allowed.has(error.code))
      throw new Violation(
        `failed with ${error.code} (${error.message}); possible: ${[...allowed].join(' ') || 'none'}`,
      );
  }

  private causes(stream: ModelStream, tunnel: ModelTunnel): Set<ErrorCode> {
    const causes = new Set<ErrorCode>();
    if (tunnel.hasClosed) causes.add('TUNNEL_CLOSED');
    const client = this.clients.get(stream.core.uid);
    if (client === undefined) throw new Violation('a stream without a client');
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

  // ── the end of a run ─────────────────────────────────────────────────────────────────────────────────────────────

  /** Everybody reads, answers and ends: whatever was not given up must arrive, whatever the windows were full of. */
  finish(): void {
    for (const tunnel of this.tunnels) this.listen(tunnel);
    this.isFinishing = true;
    this.observe();
    this.network.settle();
    // Connects that wait for a listener that never comes; nothing else needs time to pass.
    this.network.elapse(PATIENCE_MS);
    for (const stream of this.streams) {
      if (stream.isLive) throw new Violation(`a stream is stuck: ${describe(stream)}`);
    }
  }

  /** Listeners go, tunnels close: nothing may be left anywhere. */
  tearDown(): void {
    for (const tunnel of this.tunnels) this.endListener(tunnel);
    this.network.settle();
    for (const { core } of this.tunnels) {
      if (core.streamCount > 0) throw new Violation(`${core.streamCount} streams are left in a tunnel`);
      if (core.connection.streamCount > 0)
        throw new Violation(`${core.connection.streamCount} streams on a connection`);
    }
    for (const { core, heldNames } of this.relays) {
      const { connections, broker } = relayInside(core);
      for (const connection of connections)
        if (connection.streamCount > 0) throw new Violation(`${connection.streamCount} legs are left`);
      if (broker.pendingCount > 0) throw new Violation(`${broker.pendingCount} connects are pending`);
      if (heldNames.size > 0 || core.names.length > 0) throw new Violation('names are left');
      const { splices } = core.stats;
      if (splices.active !== 0) throw new Violation(`${splices.active} splices are left`);
    }
    for (const tunnel of this.tunnels) this.closeTunnel(tunnel);
    this.network.settle();
    if (this.network.openLinks.length > 0) throw new Violation('connections are left');
    for (const { core } of this.relays) {
      const { connections, broker } = relayInside(core);
      if (connections.size > 0 || broker.parties.size > 0) throw new Violation('a relay remembers its tunnels');
      if (core.stats.tunnels.active !== 0) throw new Violation('the tunnel counters are not balanced');
    }
  }
}

function describe(stream: ModelStream): string {
  const { written, received, hasOpened, hasEnded, sawEnd, sawDelivered, core } = stream;
  return JSON.stringify({ written, received, hasOpened, hasEnded, sawEnd, sawDelivered, phase: core.currentPhase });
}
