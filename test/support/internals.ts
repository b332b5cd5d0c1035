import type { Relay } from '../../relay/index.js';
import type { Tunnel, TunnelStream } from '../../src/index.js';

// What the leak check and a few tests must see and no user may: one place says which private fields those are.

type Sized = { readonly size: number };

export function relayInternals(relay: Relay) {
  return relay as unknown as {
    own: { tunnel: Tunnel | undefined };
    transports: Sized;
    requests: Sized;
    core: {
      connections: Sized;
      broker: {
        pending: Sized;
        resumes: { pending: Sized & { byLeg: Sized; parked: Sized } };
        parties: { byConnection: Sized; byEndpoint: Sized };
      };
    };
  };
}

interface Connection {
  streamCount: number;
  onOutput: () => void;
}

export function tunnelInternals(tunnel: Tunnel) {
  const { core, handlers, drivers, pump, redial } = tunnel as unknown as {
    core: {
      connection: Connection | undefined;
      streamCount: number;
      suspendedCount: number;
      accepted: Sized;
      /** Its `endpoint` is the secret that its HELLO says. */
      connections: { leaving: ReadonlySet<Connection>; endpoint: string | undefined };
      deadlines: { lingering: Sized };
      opening: { pendingConnects: Sized; waiting: Sized };
    };
    handlers: Sized;
    drivers: { drivers: Sized };
    pump: { timer: { cancelTimer: object | undefined } };
    redial: { cancelTimer: object | undefined; cancelHop: object | undefined; wake(): void };
  };
  return { core, handlers, drivers: drivers.drivers, timer: pump.timer.cancelTimer, redial };
}

export function streamInternals(stream: TunnelStream) {
  return stream as unknown as { core: { unreadBytes: number; retainedBytes: number; pendingBytes: number } };
}
