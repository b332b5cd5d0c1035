import type { IncomingMessage } from 'node:http';
import type { ConnectionCore } from '../src/core/connection.js';
import type { ErrorCode } from '../src/protocol/codes.js';
import type { TrunklineError } from '../src/protocol/errors.js';
import { Counters, type LiveSplice, type Traffic } from './counters.js';
import { remoteAddressOf, TrustedProxies } from './forwarded-for.js';
import { describeDefect, type LogLevel, RelayLog, type RelayLogger } from './log.js';

/** A connection as an operator sees it. */
export interface TunnelRecord {
  /** From 1 on: what log lines and snapshots call it. */
  readonly number: number;
  readonly since: number;
  remoteAddress: string | undefined;
  userAgent: string | undefined;
  carrier: Carrier | undefined;
  isOpen: boolean;
  /** Streams that it has had. */
  streamCount: number;
  refusalCount: number;
  roundTripMs: number | undefined;
  wasRoundTripAsked: boolean;
}

/** What drives a connection. */
export interface Carrier extends Traffic {
  ping(): Promise<number>;
  onRoundTrip: (roundTripMs: number) => void;
}

/** Whoever writes a longer one has something else in mind than to be known. */
const MAX_USER_AGENT_CHARACTERS = 200;

/** Ends that are nobody's fault. */
const ORDINARY: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['TUNNEL_CLOSED', 'GOING_AWAY', 'CONNECTION_LOST']);

export interface LedgerOptions {
  logger?: RelayLogger | undefined;
  /** The relay's clock, milliseconds. */
  now: () => number;
  /** Whose X-Forwarded-For is believed. Default: nobody's. */
  trustedProxies?: TrustedProxies | undefined;
}

/**
 * What an operator may see of a relay: what is there and since when, what was counted, and lines in a log. It is told when
 * something begins and ends, and decides nothing. No token, secret, offer id, owner, key or meta comes in here.
 */
export class Ledger {
  readonly counters: Counters;
  readonly tunnels = new Map<ConnectionCore, TunnelRecord>();
  /** Names, by when they were taken. */
  readonly names = new Map<string, number>();
  readonly now: () => number;
  private readonly log: RelayLog;
  private readonly trustedProxies: TrustedProxies;
  readonly startedAt: number;
  private lastNumber = 0;

  constructor({ logger, now, trustedProxies = new TrustedProxies() }: LedgerOptions) {
    this.trustedProxies = trustedProxies;
    this.now = now;
    this.startedAt = now();
    this.log = new RelayLog(logger, now);
    this.counters = new Counters(now);
    this.counters.onSpliceOpened = (splice) => this.spliceOpened(splice);
  }

  // ── tunnels ──────────────────────────────────────────────────────────────────────────────────────────────────────

  tunnelAccepted(connection: ConnectionCore): void {
    this.counters.tunnelsOpened++;
    this.tunnels.set(connection, {
      number: ++this.lastNumber,
      since: this.now(),
      remoteAddress: undefined,
      userAgent: undefined,
      carrier: undefined,
      isOpen: false,
      streamCount: 0,
      refusalCount: 0,
      roundTripMs: undefined,
      wasRoundTripAsked: false,
    });
  }

  /** Who dialed; undefined for this process itself. */
  tunnelRequested(connection: ConnectionCore, request: IncomingMessage | undefined): void {
    const record = this.tunnels.get(connection);
    if (record === undefined || request === undefined) return;
    record.remoteAddress = remoteAddressOf(request, this.trustedProxies);
    record.userAgent = request.headers['user-agent']?.slice(0, MAX_USER_AGENT_CHARACTERS);
  }

  /** Returns how to say that its transport is closed, which is later than its end. */
  tunnelCarried(connection: ConnectionCore, carrier: Carrier): () => void {
    const record = this.tunnels.get(connection);
    if (record) {
      record.carrier = carrier;
      carrier.onRoundTrip = (roundTripMs) => {
        record.roundTripMs = roundTripMs;
      };
    }
    this.counters.trafficStarted(carrier);
    return () => this.counters.trafficEnded(carrier);
  }

  /** Only tunnels that somebody looks at are timed: from now on every ping to this one is. */
  askRoundTrip(record: TunnelRecord): void {
    if (record.wasRoundTripAsked || !record.isOpen || record.carrier === undefined) return;
    record.wasRoundTripAsked = true;
    // A connection that ends meanwhile has no round trip, and what ends it is told elsewhere.
    record.carrier.ping().catch(() => {});
  }

  /** Its handshake is complete. */
  tunnelOpened(connection: ConnectionCore): void {
    const record = this.tunnels.get(connection);
    if (record === undefined) return;
    record.isOpen = true;
    const { userAgent } = record;
    this.log.write('info', 'tunnel opened', { ...whoIs(record), userAgent });
  }

  tunnelEnded(connection: ConnectionCore, { code }: TrunklineError): void {
    this.counters.tunnelEnded(code);
    const record = this.tunnels.get(connection);
    this.tunnels.delete(connection);
    if (record === undefined) return;
    const { streamCount: streams, refusalCount: refusals, carrier } = record;
    this.log.write(levelOf(code), record.isOpen ? 'tunnel closed' : 'tunnel refused', {
      ...whoIs(record),
      code,
      durationMs: Math.round(this.now() - record.since),
      streams,
      refusals,
      bytesReceived: carrier?.bytesReceived ?? 0,
      bytesSent: carrier?.bytesSent ?? 0,
    });
  }

  // ── names, streams ───────────────────────────────────────────────────────────────────────────────────────────────

  nameCreated(name: string): void {
    this.counters.namesCreated++;
    this.names.set(name, this.now());
    this.log.write('info', 'name created', { name });
  }

  nameDestroyed(name: string): void {
    this.counters.namesDestroyed++;
    const since = this.names.get(name) ?? this.now();
    this.names.delete(name);
    this.log.write('info', 'name destroyed', { name, durationMs: Math.round(this.now() - since) });
  }

  /** A stream of this tunnel's peer was refused. `name`: what it asked for, where that is known to be a name. */
  streamRefused(connection: ConnectionCore, code: ErrorCode, name?: string): void {
    this.counters.refused(code);
    const record = this.tunnels.get(connection);
    if (record === undefined) return;
    record.refusalCount++;
    this.log.write('info', 'stream refused', { ...whoIs(record), code, ...(name === undefined ? {} : { name }) });
  }

  private spliceOpened({ client, listener }: LiveSplice): void {
    for (const { connection } of new Set([client, listener])) {
      const record = this.tunnels.get(connection);
      if (record) record.streamCount++;
    }
  }

  // ── the relay ────────────────────────────────────────────────────────────────────────────────────────────────────

  requestRefused(request: IncomingMessage, code: ErrorCode): void {
    this.counters.refused(code);
    this.log.write('info', 'request refused', {
      remoteAddress: remoteAddressOf(request, this.trustedProxies),
      code,
    });
  }

  draining(graceMs: number): void {
    this.log.write('info', 'draining', { graceMs, tunnels: this.tunnels.size });
  }

  closing(): void {
    this.log.write('info', 'closing', { tunnels: this.tunnels.size });
  }

  defectFound(error: Error): void {
    this.log.write('error', 'defect', describeDefect(error));
  }
}

function whoIs({ number, remoteAddress }: TunnelRecord): object {
  return { tunnel: number, remoteAddress };
}

function levelOf(code: ErrorCode): LogLevel {
  return ORDINARY.has(code) ? 'info' : 'warn';
}
