import type { ConnectionCore } from '../src/core/connection.js';
import type { ErrorCode } from '../src/protocol/codes.js';

/** One direction of joined legs, as it is now. */
export interface LiveFlow {
  /** Payload that has left for the sink. */
  readonly passedBytes: number;
  /** Payload that waits here. */
  readonly queued: number;
  /** Times that its source was held back by this relay. */
  readonly stallCount: number;
  readonly heldBackBy: 'relay' | 'sink' | undefined;
}

/** Joined legs, as far as counting goes. */
export interface LiveSplice {
  /** What the client connected to; not known of a stream that was carried on. */
  readonly name?: string | undefined;
  readonly client: { readonly connection: ConnectionCore };
  readonly listener: { readonly connection: ConnectionCore };
  readonly toListener: LiveFlow;
  readonly toClient: LiveFlow;
}

/** What a connection has carried: whole messages, without what the transport puts around them. */
export interface Traffic {
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

/** How a splice ended. Detached: its stream may be carried on. */
export type SpliceOutcome = 'finished' | 'reset' | 'lost' | 'detached';

/**
 * What the relay counts since it started. The glossary is docs/relay.md; active = opened - closed. Of what is counted by
 * the frame it keeps only who knows: it is asked when somebody looks, and once more when it is over.
 */
export class Counters {
  tunnelsOpened = 0;
  tunnelsClosed = 0;
  namesCreated = 0;
  namesDestroyed = 0;
  connectsRequested = 0;
  connectsMatched = 0;
  connectsRefused = 0;
  connectsExpired = 0;
  connectsCanceled = 0;
  resumesRequested = 0;
  resumesMatched = 0;
  resumesRefused = 0;
  resumesExpired = 0;
  resumesCanceled = 0;
  readonly spliceEnds: Record<SpliceOutcome, number> = { finished: 0, reset: 0, lost: 0, detached: 0 };
  /** Streams and HTTP requests that the relay refused, by the code that their peer was told. */
  readonly refusals = new Map<ErrorCode, number>();
  /** Why tunnels ended. */
  readonly tunnelEnds = new Map<ErrorCode, number>();
  /** Live ones, by when they were joined. */
  readonly splices = new Map<LiveSplice, number>();
  private readonly traffics = new Set<Traffic>();
  /** Of splices and connections that are over. */
  private readonly past = { passedBytes: 0, stallCount: 0, bytesReceived: 0, bytesSent: 0 };
  onSpliceOpened: (splice: LiveSplice) => void = () => {};

  constructor(private readonly now: () => number = () => 0) {}

  spliceOpened(splice: LiveSplice): void {
    this.splices.set(splice, this.now());
    this.onSpliceOpened(splice);
  }

  spliceClosed(splice: LiveSplice, outcome: SpliceOutcome): void {
    if (!this.splices.delete(splice)) return;
    this.spliceEnds[outcome]++;
    this.past.passedBytes += passedBytes(splice);
    this.past.stallCount += stallCount(splice);
  }

  trafficStarted(traffic: Traffic): void {
    this.traffics.add(traffic);
  }

  trafficEnded(traffic: Traffic): void {
    if (!this.traffics.delete(traffic)) return;
    this.past.bytesReceived += traffic.bytesReceived;
    this.past.bytesSent += traffic.bytesSent;
  }

  refused(code: ErrorCode): void {
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
  }

  tunnelEnded(code: ErrorCode): void {
    this.tunnelsClosed++;
    this.tunnelEnds.set(code, (this.tunnelEnds.get(code) ?? 0) + 1);
  }

  get bytes(): RelayStats['bytes'] {
    let { passedBytes: passed, bytesReceived: received, bytesSent: sent } = this.past;
    for (const splice of this.splices.keys()) passed += passedBytes(splice);
    for (const traffic of this.traffics) {
      received += traffic.bytesReceived;
      sent += traffic.bytesSent;
    }
    return { passed, received, sent };
  }

  get stalls(): RelayStats['stalls'] {
    let { stallCount: begun } = this.past;
    let active = 0;
    for (const splice of this.splices.keys()) {
      begun += stallCount(splice);
      if (isStalled(splice)) active++;
    }
    return { begun, active };
  }

  /** Payload that waits for its sinks. */
  get queuedBytes(): number {
    let bytes = 0;
    for (const { toListener, toClient } of this.splices.keys()) bytes += toListener.queued + toClient.queued;
    return bytes;
  }
}

function passedBytes({ toListener, toClient }: LiveSplice): number {
  return toListener.passedBytes + toClient.passedBytes;
}

function stallCount({ toListener, toClient }: LiveSplice): number {
  return toListener.stallCount + toClient.stallCount;
}

/** One of its sources is held back by this relay now. */
export function isStalled({ toListener, toClient }: LiveSplice): boolean {
  return toListener.heldBackBy === 'relay' || toClient.heldBackBy === 'relay';
}

/** What became of requests; pending = requested - all the others. */
export interface RequestStats {
  requested: number;
  matched: number;
  refused: number;
  expired: number;
  canceled: number;
  pending: number;
}

export interface RelayStats {
  tunnels: { opened: number; closed: number; active: number };
  /** `reserved`: those of the active ones whose listener is away and expected back. */
  names: { created: number; destroyed: number; active: number; reserved: number };
  connects: RequestStats;
  /** Streams that were to be carried on after one end had lost its connection. */
  resumes: RequestStats;
  /** `detached`: those of the closed ones whose stream may be carried on. */
  splices: { opened: number; closed: number; active: number; detached: number };
  /** How the other closed splices ended. */
  streams: { finished: number; reset: number; lost: number };
  /** Sources that had used up their credit while their sink would have taken more; `active`: streams in which one is now. */
  stalls: { begun: number; active: number };
  /** `passed`: payload, from one tunnel to another. `received` and `sent`: whole messages. */
  bytes: { passed: number; received: number; sent: number };
  /** Streams and HTTP requests that the relay refused, by the code that their peer was told. */
  refusals: Partial<Record<ErrorCode, number>>;
  /** Why tunnels ended: `tunnels.closed` by code. */
  tunnelEnds: Partial<Record<ErrorCode, number>>;
}

export function toStats(counters: Counters, namesReserved = 0): RelayStats {
  const { finished, reset, lost, detached } = counters.spliceEnds;
  const splicesOpened = counters.connectsMatched + counters.resumesMatched;
  return {
    tunnels: balance(counters.tunnelsOpened, counters.tunnelsClosed),
    names: {
      created: counters.namesCreated,
      destroyed: counters.namesDestroyed,
      active: counters.namesCreated - counters.namesDestroyed,
      reserved: namesReserved,
    },
    connects: withPending({
      requested: counters.connectsRequested,
      matched: counters.connectsMatched,
      refused: counters.connectsRefused,
      expired: counters.connectsExpired,
      canceled: counters.connectsCanceled,
    }),
    resumes: withPending({
      requested: counters.resumesRequested,
      matched: counters.resumesMatched,
      refused: counters.resumesRefused,
      expired: counters.resumesExpired,
      canceled: counters.resumesCanceled,
    }),
    splices: { ...balance(splicesOpened, finished + reset + lost + detached), detached },
    streams: { finished, reset, lost },
    stalls: counters.stalls,
    bytes: counters.bytes,
    refusals: Object.fromEntries(counters.refusals),
    tunnelEnds: Object.fromEntries(counters.tunnelEnds),
  };
}

function withPending(outcomes: Omit<RequestStats, 'pending'>): RequestStats {
  const { requested, matched, refused, expired, canceled } = outcomes;
  return { ...outcomes, pending: requested - matched - refused - expired - canceled };
}

function balance(opened: number, closed: number): { opened: number; closed: number; active: number } {
  return { opened, closed, active: opened - closed };
}
