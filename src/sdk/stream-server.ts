import { assertName } from '../protocol/names.js';
import type { Tunnel } from '../runtime/tunnel.js';
import { callable } from './callable.js';
import { type OnStream, StreamListener, type StreamServerOptions } from './stream-listener.js';

class StreamServerClass {
  private readonly options: StreamServerOptions;
  private readonly onStream: OnStream | undefined;

  /** @param onStream called with every accepted stream; the listener's 'connection' event tells the same */
  constructor(tunnel: Tunnel, onStream?: OnStream);
  constructor(tunnel: Tunnel, options?: StreamServerOptions, onStream?: OnStream);
  constructor(
    private readonly tunnel: Tunnel,
    optionsOrCallback: StreamServerOptions | OnStream = {},
    onStream?: OnStream,
  ) {
    const isCallback = typeof optionsOrCallback === 'function';
    this.options = isCallback ? {} : optionsOrCallback;
    this.onStream = isCallback ? optionsOrCallback : onStream;
  }

  /**
   * Takes the name at the relay. One listener holds a name; for a second one the listener fails with NAME_TAKEN.
   * @throws TypeError for an `owner` that is none; TrunklineError BAD_NAME; LIMIT_BYTES or TypeError for a meta that cannot be sent
   */
  listen(name: string): StreamListener {
    assertName(name);
    return new StreamListener(this.tunnel, name, this.options, this.onStream);
  }
}

/** Serves streams under names. Works with and without `new`. */
export const StreamServer: {
  new (tunnel: Tunnel, onStream?: OnStream): StreamServer;
  new (tunnel: Tunnel, options?: StreamServerOptions, onStream?: OnStream): StreamServer;
  (tunnel: Tunnel, onStream?: OnStream): StreamServer;
  (tunnel: Tunnel, options?: StreamServerOptions, onStream?: OnStream): StreamServer;
} = callable(StreamServerClass as new (...args: unknown[]) => StreamServerClass);
export type StreamServer = StreamServerClass;
