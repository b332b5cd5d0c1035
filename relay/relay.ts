import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ConnectionCore } from '../src/core/connection.js';
import { refuseUpgrade } from '../src/node/refuse-upgrade.js';
import { FAREWELL_PATH } from '../src/protocol/constants.js';
import { TrunklineError } from '../src/protocol/errors.js';
import { assertName } from '../src/protocol/names.js';
import { type Clock, systemClock } from '../src/runtime/clock.js';
import { DeadlineTimer } from '../src/runtime/deadline-timer.js';
import { Driver } from '../src/runtime/driver.js';
import { reportFailure } from '../src/runtime/failures.js';
import { hashEndpoint } from '../src/runtime/prove.js';
import { randomId } from '../src/runtime/random-id.js';
import type { TunnelStream } from '../src/runtime/tunnel-stream.js';
import type { Connection } from '../src/transport/connection.js';
import { AccessControl } from './access-control.js';
import type { RelayStats } from './counters.js';
import { PageConnection, takeFarewell } from './farewell.js';
import { HttpAccess } from './http-access.js';
import type { RelayInspection } from './inspection.js';
import { Ledger } from './ledger.js';
import { RelayMetrics } from './metrics.js';
import { type AnyHttpServer, mount, normalizePath } from './mount.js';
import { OperatorRoutes } from './operator-routes.js';
import { type RelayOptions, resolveOptions } from './options.js';
import { OwnTunnel } from './own-tunnel.js';
import { describeConnection } from './relay-connection.js';
import { RelayCore } from './relay-core.js';
import { serveScript } from './script.js';
import { Upgrader } from './upgrade.js';
import { UpgradeGate } from './upgrade-gate.js';

/**
 * A relay: the registry of names, and the pairing of clients with listeners.
 *
 * Events: 'server.created'(name) and 'server.destroyed'(name), strictly alternating per name;
 * 'connection'(RelayConnection) for each tunnel; 'error'(TrunklineError INTERNAL) when a defect of the relay ended a
 * tunnel, or a hook threw (without a listener: the console); 'close' once everything is over.
 */
export class Relay extends EventEmitter {
  private readonly core: RelayCore;
  private readonly gate: UpgradeGate;
  private readonly upgrader: Upgrader;
  private readonly unmounts: (() => void)[] = [];
  /** Transports that are not closed yet: what `close()` waits for. */
  private readonly transports = new Set<Connection>();
  private readonly requests = new Map<ConnectionCore, IncomingMessage | undefined>();
  private readonly scraped: RelayMetrics;
  private readonly routes: OperatorRoutes;
  private readonly timer: DeadlineTimer;
  private readonly due = () => this.advance();
  private readonly own: OwnTunnel;
  private draining: Promise<void> | undefined;
  private closing: Promise<void> | undefined;
  private whenEmpty: () => void = () => {};
  private whenTransportsClosed: () => void = () => {};

  /** @internal Use `createRelay`. */
  constructor(
    options: RelayOptions = {},
    private readonly clock: Clock = systemClock,
  ) {
    super();
    const resolved = resolveOptions(options);
    this.timer = new DeadlineTimer(clock);
    this.own = new OwnTunnel((connection) => this.carry(connection, undefined), clock);
    const environment = {
      randomId,
      hash: hashEndpoint,
      newClaim: Date.now,
      now: () => this.clock.now(),
      transportBytes: () => this.transportBytes(),
    };
    const { trustedProxies } = resolved;
    const ledger = new Ledger({ logger: options.logger, now: environment.now, trustedProxies });
    const defectFound = (error: TrunklineError): void => {
      ledger.defectFound(error);
      reportFailure(this, error, { wasAsked: false }, 'relay');
    };
    const access = new AccessControl(options, (connection) => this.requests.get(connection), defectFound);
    this.core = new RelayCore(
      resolved,
      randomId(),
      environment,
      {
        created: (name) => this.tell('server.created', name),
        destroyed: (name) => this.tell('server.destroyed', name),
        defectFound,
        tunnelOpened: (connection) =>
          this.tell('connection', describeConnection(connection, this.requests.get(connection))),
      },
      access,
      ledger,
    );
    this.gate = new UpgradeGate(this.core, clock);
    this.scraped = new RelayMetrics(() => this.core.measure());
    this.routes = new OperatorRoutes(
      { metrics: options.metrics ?? false, status: options.status ?? false },
      {
        state: () => this.core.state,
        metrics: () => this.metrics(),
        inspect: () => this.inspect(),
        refused: (request, code) => ledger.requestRefused(request, code),
        defectFound,
      },
      new HttpAccess(options, clock, defectFound),
    );
    this.core.onDeadline = () => this.armTimer();
    this.upgrader = new Upgrader({
      maxMessageBytes: resolved.limits.maxMessageBytes,
      ws: resolved.ws,
      defectFound,
    });
  }

  /**
   * Takes upgrades on `path` of an HTTP or HTTPS server, and serves the `<script>` bundle at `<path>/trunkline.js`.
   * The server's other routes, and other relays and WebSocket servers on it, are left alone.
   * @throws TypeError for a path that is none; Error when that path of that server is taken
   */
  install(server: AnyHttpServer, path = '/trunkline'): this {
    if (this.isClosing) throw new Error('this relay is closed');
    this.unmounts.push(
      mount(server, normalizePath(path), {
        request: (subPath, request, response) => this.handleRequest(subPath, request, response),
        upgrade: (request, socket, head) => this.handleUpgrade(request, socket, head),
      }),
    );
    return this;
  }

  /** For servers that route upgrades themselves: `httpServer.on('upgrade', ...)`. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.isClosing) return refuseUpgrade(socket, 503, 'This relay is closing.');
    if (!this.gate.admit(request, socket)) return;
    // Only pages say where they are from, and only pages may lose their last words.
    const isPage = request.headers.origin !== undefined;
    this.upgrader.upgrade(request, socket, head, (connection) =>
      this.carry(isPage ? new PageConnection(connection, this.clock) : connection, request),
    );
  }

  /**
   * Connects to a listener from inside this process, like `StreamClient(tunnel).connect(name)`.
   * @throws TrunklineError BAD_NAME, LIMIT_BYTES (meta too large); TypeError when meta is no JSON value;
   *   RangeError when `waitMs` is no duration
   */
  connect(name: string, options: { meta?: unknown; waitMs?: number } = {}): TunnelStream {
    assertName(name);
    return this.own.get().openStream({ kind: 'connect', name, waitMs: options.waitMs ?? 0 }, options.meta, name);
  }

  /** The names that are held now, or reserved for a listener that was lost. */
  servers(): string[] {
    return this.core.names;
  }

  /** Counters since the start, and what is active now. The glossary is docs/relay.md. */
  stats(): RelayStats {
    return this.core.stats;
  }

  /** What is counted, as Prometheus text. The glossary is docs/operating.md. */
  metrics(): Promise<string> {
    return this.scraped.text();
  }

  /**
   * What is there now, as plain JSON: names, tunnels, streams, counters, limits. Of each kind at most `maxEntries` (100 by
   * default), and the number of the rest.
   * @throws RangeError when `maxEntries` is no number of entries
   */
  inspect({ maxEntries }: { maxEntries?: number } = {}): RelayInspection {
    return this.core.inspect(maxEntries);
  }

  private get isClosing(): boolean {
    return this.closing !== undefined;
  }

  /**
   * Closes without a gap for those who use it: takes nothing new, tells every endpoint to move to another relay at this
   * address, and closes when all have left, or `graceMs` is over (milliseconds, 30,000 by default; a second call changes nothing).
   * @throws RangeError when `graceMs` is no duration
   */
  drain({ graceMs = DRAIN_GRACE_MS }: { graceMs?: number } = {}): Promise<void> {
    if (!Number.isSafeInteger(graceMs) || graceMs < 0)
      throw new RangeError(`graceMs must be a whole number of milliseconds, not ${String(graceMs)}`);
    this.draining ??= this.isClosing ? this.close() : this.startDraining(graceMs).then(() => this.close());
    return this.draining;
  }

  private async startDraining(graceMs: number): Promise<void> {
    this.core.drain(graceMs);
    let cancel = () => {};
    await new Promise<void>((resolve) => {
      this.whenEmpty = resolve;
      if (graceMs === 0 || this.isEmpty) resolve();
      else cancel = this.clock.setTimer(graceMs, resolve);
    });
    cancel();
  }

  /** Nobody but this process itself is connected, which has nowhere to go. */
  private get isEmpty(): boolean {
    return ![...this.requests.values()].some((request) => request !== undefined);
  }

  /** Ends every connection with GOING_AWAY (its tunnel dials again, here or elsewhere), lets go of the HTTP servers (which stay open), and resolves when all is over. */
  close(): Promise<void> {
    if (this.closing !== undefined) return this.closing;
    // Set before anything is torn down: a listener of 'server.destroyed' may call this again.
    const transportsClosed = new Promise<void>((resolve) => {
      this.whenTransportsClosed = resolve;
    });
    this.closing = transportsClosed.then(() => void this.emit('close'));
    for (const unmount of this.unmounts.splice(0)) unmount();
    this.timer.cancel();
    this.scraped.close();
    this.gate.close();
    this.whenEmpty();
    this.own.end(goingAway());
    this.core.close(goingAway());
    if (this.transports.size === 0) this.whenTransportsClosed();
    return this.closing;
  }

  private handleRequest(subPath: string, request: IncomingMessage, response: ServerResponse): boolean {
    if (this.routes.serve(subPath, request, response)) return true;
    if (subPath !== FAREWELL_PATH) return serveScript(subPath, request, response);
    takeFarewell(request, response, (secret) => this.core.endpointLeft(secret));
    return true;
  }

  /** Drives an accepted connection until it is over. */
  private carry(transport: Connection, request: IncomingMessage | undefined): void {
    const dialer = request === undefined ? { isOwn: true } : { address: this.gate.addressOf(request) };
    const connection = this.core.accept(this.clock.now(), dialer);
    this.requests.set(connection, request);
    this.core.ledger.tunnelRequested(connection, request);
    this.transports.add(transport);
    // `connect` on a closed relay: a stream that fails, like every connect that comes to nothing.
    if (this.isClosing) connection.fail(goingAway());
    const driver = new Driver(connection, transport, this.clock, () => {});
    const carried = this.core.ledger.tunnelCarried(connection, driver);
    driver.onClosed = () => {
      carried();
      this.requests.delete(connection);
      this.transports.delete(transport);
      if (this.isEmpty) this.whenEmpty();
      if (this.transports.size === 0) this.whenTransportsClosed();
    };
  }

  /** What sockets have been given and could not send yet. */
  private transportBytes(): number {
    let bytes = 0;
    for (const request of this.requests.values()) bytes += request?.socket.writableLength ?? 0;
    return bytes;
  }

  /** What an application's listener throws is its own error: it surfaces as such and does not break a connection. */
  private tell(event: string, ...args: unknown[]): void {
    try {
      this.emit(event, ...args);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  private armTimer(): void {
    if (!this.isClosing) this.timer.arm(this.core.nextDeadline(), this.due);
  }

  private advance(): void {
    this.core.advance(this.clock.now());
    this.armTimer();
  }
}

/** Long enough for tunnels to move one after the other; process managers kill what takes much longer. */
const DRAIN_GRACE_MS = 30_000;

function goingAway(): TrunklineError {
  return new TrunklineError('GOING_AWAY', 'the relay is closing');
}

export function createRelay(options: RelayOptions = {}): Relay {
  return new Relay(options);
}
