import type { ConnectionCore } from '../core/connection.js';
import type { TunnelCore } from '../core/tunnel.js';
import { TrunklineError } from '../protocol/errors.js';
import type { ConnectionEnd } from '../transport/connection.js';
import type { Driver } from './driver.js';

/**
 * What drives a tunnel's connections, one after the other, and at times two: what is done with the one in use, and what
 * stays true over all of them.
 */
export class TunnelDrivers {
  private readonly drivers = new Map<ConnectionCore, Driver>();
  private hasPaused = false;
  private lastRttMs: number | undefined;
  /** Of connections that are over. */
  private formerBytes = { sent: 0, received: 0 };

  constructor(
    private readonly core: TunnelCore,
    /** A connection has closed: what its transport says of that. */
    private readonly ended: (end: ConnectionEnd) => void,
  ) {}

  get rttMs(): number | undefined {
    return this.lastRttMs;
  }

  get bytesSent(): number {
    let sum = this.formerBytes.sent;
    for (const driver of this.drivers.values()) sum += driver.bytesSent;
    return sum;
  }

  get bytesReceived(): number {
    let sum = this.formerBytes.received;
    for (const driver of this.drivers.values()) sum += driver.bytesReceived;
    return sum;
  }

  get isPaused(): boolean {
    return this.hasPaused;
  }

  add(connection: ConnectionCore, driver: Driver): void {
    this.drivers.set(connection, driver);
    driver.onRoundTrip = (roundTripMs) => {
      this.lastRttMs = roundTripMs;
    };
    // Who drove it before it was this tunnel's waits for its end as well.
    const tellFormer = driver.onClosed;
    driver.onClosed = (end) => {
      tellFormer(end);
      this.remove(connection, driver);
      if (end !== undefined) this.ended(end);
    };
  }

  private remove(connection: ConnectionCore, driver: Driver): void {
    this.drivers.delete(connection);
    this.formerBytes.sent += driver.bytesSent;
    this.formerBytes.received += driver.bytesReceived;
  }

  /** Of the connection in use. @throws TrunklineError CONNECTION_LOST without one */
  get current(): Driver {
    const { connection } = this.core;
    const driver = connection?.isOpen === true ? this.drivers.get(connection) : undefined;
    if (driver === undefined) throw new TrunklineError('CONNECTION_LOST', `the tunnel is ${this.core.stateName}`);
    return driver;
  }

  /** @throws TypeError where the platform cannot; TrunklineError CONNECTION_LOST without a connection */
  setPaused(isPaused: boolean): void {
    if (this.core.stateName !== 'open' && !isPaused) this.hasPaused = false;
    else if (this.current.setPaused(isPaused)) this.hasPaused = isPaused;
    else throw new TypeError("a page's WebSocket cannot stop reading; its streams can");
  }

  /** What was paused is, on another connection as well. That one may be lost by now, and another is yet to come. */
  stayPaused(): void {
    const { connection } = this.core;
    if (this.hasPaused && connection !== undefined) this.drivers.get(connection)?.setPaused(true);
  }

  terminate(): void {
    for (const driver of [...this.drivers.values()]) driver.terminate();
  }

  flush(): void {
    for (const driver of [...this.drivers.values()]) driver.flush();
  }
}
