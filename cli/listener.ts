import { type StreamListener, StreamServer, type StreamServerOptions, type TunnelStream } from '../src/index.js';
import type { TunnelSettings, Work } from './tunnel.js';

export interface ListenSettings {
  name: string;
  meta: unknown;
  tunnel: TunnelSettings;
}

export interface ListenHooks {
  accept?: StreamServerOptions['accept'];
  onStream(stream: TunnelStream): void;
  /** The name could not be taken, or another has it now. */
  onLost(error: Error): void;
}

/** Asks for the name; the listener says 'listening' when it is held. */
export function listenOn(
  { name, meta }: ListenSettings,
  { tunnel, add }: Work,
  { accept, onStream, onLost }: ListenHooks,
): StreamListener {
  const listener = StreamServer(tunnel, { meta, accept }, (stream) => {
    add(stream);
    onStream(stream);
  }).listen(name);
  listener.on('error', onLost);
  return listener;
}
