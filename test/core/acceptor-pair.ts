import type { ConnectionCore } from '../../src/core/connection.js';
import { IncomingConnection } from '../../src/core/incoming-connection.js';
import { DEFAULT_WINDOW, type WindowOptions } from '../../src/core/receive-half.js';
import type { StreamCore } from '../../src/core/stream.js';
import {
  type AcceptedTunnelCore,
  createAcceptedTunnel,
  createDialedTunnel,
  type DialedTunnelCore,
  type TunnelCore,
} from '../../src/core/tunnel.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Hello, TunnelMode, Welcome } from '../../src/protocol/frames.js';
import { DEFAULT_LIMITS, type Limits } from '../../src/protocol/limits.js';
import { takeMessage } from '../support/take-message.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { describeEvent, nextId, plainProve } from './pair.js';

export const WINDOW_MS = 60_000;
const HEARTBEAT = { intervalMs: 25_000, timeoutMs: 20_000 };

export interface AcceptorPairOptions {
  dialerLimits?: Partial<Limits>;
  acceptorLimits?: Partial<Limits>;
  window?: WindowOptions;
  dialerWindowMs?: number;
  acceptorWindowMs?: number;
  mode?: TunnelMode;
  dialerIdleMs?: number;
  acceptorIdleMs?: number;
  /** Of the dialer; the acceptor's are one above. */
  firstLocalId?: number;
  firstDials?: number;
  /** Default 0: what is tried again is tried at once. */
  random?: () => number;
}

type Side = 'dialer' | 'acceptor';

/**
 * A tunnel's dialer and its acceptor, who knows what `TunnelAcceptor` knows: tunnels by the id that is made from their dialer's
 * secret. Messages pass when `exchange` says so, in order and at once. Whatever is opened is accepted, unless `isAccepting`
 * says no.
 */
export class AcceptorPair {
  readonly clock = new VirtualClock();
  readonly dialer: DialedTunnelCore;
  readonly tunnels = new Map<string, AcceptedTunnelCore>();
  /** The two ends of the connection that was dialed last. */
  near!: ConnectionCore;
  far!: ConnectionCore;
  isAccepting = true;
  /** The answer to the last HELLO: what the dialer was told. */
  readonly welcomes: Welcome[] = [];
  private readonly incoming: Record<Side, StreamCore[]> = { dialer: [], acceptor: [] };
  private readonly bytes = new Map<StreamCore, number[]>();

  constructor(private readonly options: AcceptorPairOptions = {}) {
    const { dialerLimits, dialerWindowMs = WINDOW_MS, mode, dialerIdleMs, firstLocalId, firstDials } = options;
    this.dialer = createDialedTunnel({
      ...this.common(dialerLimits),
      resumeWindowMs: dialerWindowMs,
      mode,
      idleTimeoutMs: dialerIdleMs,
      firstLocalId,
      ...(firstDials === undefined ? {} : { firstDials }),
    });
    this.dial();
  }

  /** A tunnel that is open at both ends, of which both have told. */
  static opened(options: AcceptorPairOptions = {}): AcceptorPair {
    const pair = new AcceptorPair(options);
    pair.exchange();
    pair.told();
    return pair;
  }

  private common(limits: Partial<Limits> = {}) {
    return {
      limits: { ...DEFAULT_LIMITS, ...limits },
      window: this.options.window ?? DEFAULT_WINDOW,
      randomId: nextId,
      random: this.options.random ?? (() => 0),
      now: this.clock.now,
      prove: plainProve,
    };
  }

  /** The acceptor's end of the tunnel, if it has one. */
  get acceptor(): AcceptedTunnelCore {
    const [acceptor, another] = this.tunnels.values();
    if (acceptor === undefined || another !== undefined)
      throw new RangeError(`${this.tunnels.size} tunnels at the acceptor`);
    return acceptor;
  }

  side(side: Side): TunnelCore {
    return side === 'dialer' ? this.dialer : this.acceptor;
  }

  // ── connections ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Another connection; the one before is left as it is. */
  dial(): void {
    this.near = this.dialer.connections.dial();
    this.far = this.acceptConnection();
  }

  /** The acceptor's end of a connection that anybody may have dialed. */
  acceptConnection(): ConnectionCore {
    const { acceptorLimits, firstLocalId } = this.options;
    const incoming: IncomingConnection = new IncomingConnection(
      {
        limits: { ...DEFAULT_LIMITS, ...acceptorLimits },
        now: this.clock.now(),
        firstLocalId: firstLocalId && firstLocalId + 1,
      },
      (hello) => this.welcome(incoming, hello),
    );
    return incoming.core;
  }

  private welcome(incoming: IncomingConnection, { endpoint, mode }: Hello): void {
    const { acceptorLimits, acceptorWindowMs = WINDOW_MS, acceptorIdleMs } = this.options;
    const canReturn = endpoint !== undefined && acceptorWindowMs > 0;
    const id = canReturn ? tunnelIdOf(endpoint) : nextId();
    const options = {
      ...this.common(acceptorLimits),
      resumeWindowMs: acceptorWindowMs,
      mode,
      idleTimeoutMs: acceptorIdleMs,
    };
    const known = this.tunnels.get(id);
    const tunnel = known && known.stateName !== 'closed' ? known : createAcceptedTunnel(options, id, canReturn);
    this.tunnels.set(id, tunnel);
    tunnel.connections.take(incoming, { heartbeat: HEARTBEAT, relayId: 'peer' }, this.clock.now());
  }

  exchange(near = this.near, far = this.far): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = this.pass(near, far);
      isBusy = this.pass(far, near) || isBusy;
      this.settle();
    }
  }

  pass(from: ConnectionCore, to: ConnectionCore): boolean {
    const message = takeMessage(from);
    if (message !== undefined) to.receive(message.slice(), this.clock.now());
    return message !== undefined;
  }

  /** What one side has to say is lost. */
  lose(from: ConnectionCore): number {
    let count = 0;
    while (takeMessage(from) !== undefined) count++;
    return count;
  }

  /** Both ends learn of the loss; what was on its way is lost. */
  cut(near = this.near, far = this.far): void {
    for (const end of [near, far]) end.lost(new TrunklineError('CONNECTION_LOST', 'cut by the test'));
    this.settle();
  }

  comeBack(): void {
    this.dial();
    this.exchange();
  }

  /** The acceptor's process is another one, and knows nothing. */
  forget(): void {
    this.tunnels.clear();
  }

  /** Time passes, and both do what is due. */
  elapse(milliseconds: number): void {
    this.clock.advanceTo(this.clock.now() + milliseconds);
    this.settle();
  }

  private settle(): void {
    const cores: TunnelCore[] = [this.dialer, ...this.tunnels.values()];
    for (const core of cores) if (core.nextDeadline() <= this.clock.now()) core.advance();
  }

  // ── streams ──────────────────────────────────────────────────────────────────────────────────────────────────────

  open(side: Side): StreamCore {
    return this.side(side).open({ kind: 'plain' }, null);
  }

  /** A stream that one side has opened and the other has accepted: both its ends. */
  joined(side: Side): { opener: StreamCore; taker: StreamCore } {
    const other = side === 'dialer' ? 'acceptor' : 'dialer';
    const opener = this.open(side);
    this.exchange();
    this.told();
    this.exchange();
    this.told();
    const taker = this.incoming[other].at(-1);
    if (taker?.uid !== opener.uid) throw new RangeError('the stream did not get through');
    return { opener, taker };
  }

  /** What was told since the last time, in words; bytes are read at once, and what is opened is accepted. */
  told(): Record<Side, string[]> {
    const acceptor = [...this.tunnels.values()].flatMap((core) => this.take('acceptor', core));
    return { dialer: this.take('dialer', this.dialer), acceptor };
  }

  private take(side: Side, core: TunnelCore): string[] {
    return core.takeEvents().flatMap((event) => {
      if (event.type === 'incoming') {
        this.incoming[side].push(event.stream);
        if (this.isAccepting && event.stream.currentPhase === 'incoming') event.stream.accept();
      }
      if (event.type === 'stream' && event.event.type === 'data') {
        this.read(event.stream, event.event.bytes);
        return [];
      }
      return event.type === 'stream' && event.event.type === 'drained' ? [] : [describeEvent(event)];
    });
  }

  private read(stream: StreamCore, bytes: Uint8Array): void {
    const all = this.bytes.get(stream) ?? [];
    all.push(...bytes);
    this.bytes.set(stream, all);
    stream.consume(bytes.length);
  }

  /** Passes and tells until nothing happens any more. Returns all that was told. */
  run(): Record<Side, string[]> {
    const all: Record<Side, string[]> = { dialer: [], acceptor: [] };
    for (let isQuiet = false; !isQuiet; ) {
      this.exchange();
      const { dialer, acceptor } = this.told();
      all.dialer.push(...dialer);
      all.acceptor.push(...acceptor);
      isQuiet = dialer.length + acceptor.length === 0 && !this.near.hasOutput && !this.far.hasOutput;
    }
    return all;
  }

  takenBy(stream: StreamCore): number[] {
    return this.bytes.get(stream) ?? [];
  }

  incomingAt(side: Side): readonly StreamCore[] {
    return this.incoming[side];
  }

  get left(): { streams: number[]; suspended: number[]; ids: number[]; accepted: number[] } {
    const cores: TunnelCore[] = [this.dialer, ...this.tunnels.values()];
    return {
      streams: cores.map(({ streamCount }) => streamCount),
      suspended: cores.map(({ suspendedCount }) => suspendedCount),
      ids: [this.near.streamCount, this.far.streamCount],
      accepted: cores.map((core) => (core as unknown as { accepted: Map<string, StreamCore> }).accepted.size),
    };
  }
}

export const NOTHING_LEFT = { streams: [0, 0], suspended: [0, 0], ids: [0, 0], accepted: [0, 0] };

/** One way, as far as these tests go: no secret is the id that is made of another. */
export function tunnelIdOf(endpoint: string): string {
  return [...endpoint].map((digit) => (15 - Number.parseInt(digit, 16)).toString(16)).join('');
}

export function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}
