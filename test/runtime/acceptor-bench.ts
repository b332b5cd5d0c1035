import { DialedTunnel, type DialedTunnelOptions } from '../../src/runtime/dialed-tunnel.js';
import type { Tunnel } from '../../src/runtime/tunnel.js';
import type { TunnelAcceptorOptions } from '../../src/sdk/acceptor-options.js';
import { TunnelAcceptor } from '../../src/sdk/tunnel-acceptor.js';
import { SteppedClock } from './stepped-clock.js';
import { WiredConnection } from './wired-connection.js';

/** A dialer and an acceptor, with wires that the test cuts, and time that it lets pass. */
export class AcceptorBench {
  readonly clock = new SteppedClock();
  readonly acceptor: TunnelAcceptor;
  readonly dialer: DialedTunnel;
  /** The dialers' ends, in the order of their dials. */
  readonly wires: WiredConnection[] = [];
  readonly acceptedTunnels: Tunnel[] = [];
  isReachable = true;

  constructor(dialed: DialedTunnelOptions = {}, accepted: TunnelAcceptorOptions = {}) {
    this.acceptor = new TunnelAcceptor(accepted, (tunnel) => this.acceptedTunnels.push(tunnel), this.clock);
    this.dialer = new DialedTunnel([() => this.dial()], dialed, this.clock);
    this.clock.run();
  }

  private dial(): WiredConnection {
    const [near, far] = WiredConnection.joined();
    this.wires.push(near);
    if (this.isReachable) this.acceptor.acceptConnection(far, undefined);
    // Its dialer drives it when this has returned, and writes.
    this.clock.defer(() => this.opened(near));
    return near;
  }

  private opened(wire: WiredConnection): void {
    if (this.isReachable) wire.handlers.writable();
    else wire.cut();
  }

  get accepted(): Tunnel {
    return this.acceptedTunnels.at(-1) as Tunnel;
  }

  get wire(): WiredConnection {
    return this.wires.at(-1) as WiredConnection;
  }

  get openWires(): number {
    return this.wires.filter(({ isOver }) => !isOver).length;
  }

  async close(): Promise<{ timers: number; wires: number }> {
    this.dialer.close();
    const closed = this.acceptor.close();
    this.clock.elapse(10_000);
    await closed;
    return { timers: this.clock.timerCount, wires: this.openWires };
  }
}

export const NOTHING = { timers: 0, wires: 0 };
