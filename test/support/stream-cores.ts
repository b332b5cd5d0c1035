import type { StreamCore } from '../../src/core/stream.js';
import type { Tunnel, TunnelStream } from '../../src/index.js';

/** What is behind the streams of a tunnel, also those that their application is done with. */
export function coresOf(tunnel: Tunnel): StreamCore[] {
  return [...(tunnel as unknown as { core: { streams: Set<StreamCore> } }).core.streams];
}

/** What is behind a stream. */
export function coreOf(stream: TunnelStream): StreamCore {
  return (stream as unknown as { core: StreamCore }).core;
}
