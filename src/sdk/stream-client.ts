import { TrunklineError } from '../protocol/errors.js';
import { assertName } from '../protocol/names.js';
import type { Tunnel } from '../runtime/tunnel.js';
import type { TunnelStream } from '../runtime/tunnel-stream.js';
import { callable } from './callable.js';

export interface ConnectOptions {
  /** Any JSON value, shown to the listener in its offer and as `stream.meta`. At most 8 KiB of JSON. */
  meta?: unknown;
  /** How long the relay waits for a listener to appear, milliseconds. Default 0: NO_LISTENER at once. */
  waitMs?: number | undefined;
  /** Gives the stream up with CANCELED, before or after it opened. */
  signal?: AbortSignal | undefined;
  /** False: a lost connection ends the stream, and nothing is kept to be sent again. Default: as the tunnel. */
  resume?: boolean | undefined;
}

class StreamClientClass {
  /** @param defaults what `connect` uses where its own options say nothing */
  constructor(
    private readonly tunnel: Tunnel,
    private readonly defaults: ConnectOptions = {},
  ) {}

  /**
   * Connects to whoever listens on `name`. The stream can be written at once; it fails with NO_LISTENER, REFUSED,
   * ACCEPT_TIMEOUT, LISTENER_GONE, LIMIT_STREAMS, LIMIT_RATE or why the tunnel ended where no connection comes about, and
   * later with RESUME_EXPIRED or RESUME_UNKNOWN where it cannot be carried on (CONNECTION_LOST with `resume: false`).
   *
   * @throws TrunklineError BAD_NAME, LIMIT_BYTES (meta too large); TypeError when meta is no JSON value;
   *   RangeError when `waitMs` is no duration
   */
  connect(name: string, options: ConnectOptions = {}): TunnelStream {
    assertName(name);
    const { meta, waitMs = 0, signal, resume = true } = { ...this.defaults, ...options };
    const stream = this.tunnel.openStream({ kind: 'connect', name, waitMs }, meta, name, { isMortal: !resume });
    if (signal) abortWith(stream, signal);
    return stream;
  }
}

function abortWith(stream: TunnelStream, signal: AbortSignal): void {
  const abort = (): void => {
    stream.destroy(new TrunklineError('CANCELED', 'the connect was aborted', { cause: signal.reason }));
  };
  if (signal.aborted) return abort();
  signal.addEventListener('abort', abort, { once: true });
  stream.once('close', () => signal.removeEventListener('abort', abort));
}

/** Opens streams to names. Works with and without `new`. */
export const StreamClient = callable(StreamClientClass);
export type StreamClient = StreamClientClass;
