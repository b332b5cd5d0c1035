import type { Relay } from '../../relay/index.js';
import type { Tunnel, TunnelStream } from '../../src/index.js';

// What the leak check and a few tests must see and no user may: one place says which private fields those are.

type Sized = { readonly size: number };

export function relayInternals(relay: Relay) {
  return relay as unknown as { local: Tunnel | undefined; transports: Sized; core: { broker: { pending: Sized } } };
}

export function tunnelInternals(tunnel: Tunnel) {
  return tunnel as unknown as {
    core: { streamCount: number; connection: { streamCount: number; onOutput: () => void } };
    handlers: Sized;
  };
}

export function streamInternals(stream: TunnelStream) {
  return stream as unknown as { core: { unreadBytes: number; retainedBytes: number; pendingBytes: number } };
}
