import type { TrunklineError } from '../src/protocol/errors.js';
import type { Clock } from '../src/runtime/clock.js';
import { DialedTunnel } from '../src/runtime/dialed-tunnel.js';
import type { Tunnel } from '../src/runtime/tunnel.js';
import type { Connection } from '../src/transport/connection.js';
import { createMemoryPair } from '../src/transport/memory.js';

/** By which the relay's own process connects to listeners. Dialed when it is first needed, and again when it has ended. */
export class OwnTunnel {
  private tunnel: Tunnel | undefined;

  constructor(
    /** Serves the relay's end of a connection. */
    private readonly carry: (connection: Connection) => void,
    private readonly clock: Clock,
  ) {}

  get(): Tunnel {
    this.tunnel ??= this.dial();
    return this.tunnel;
  }

  end(error: TrunklineError): void {
    this.tunnel?.end(error);
  }

  private dial(): Tunnel {
    const connect = (): Connection => {
      const [here, there] = createMemoryPair();
      this.carry(there);
      return here;
    };
    const tunnel = new DialedTunnel([connect], {}, this.clock);
    tunnel.once('close', () => {
      this.tunnel = undefined;
    });
    return tunnel;
  }
}
