import { type ConnectTunnelOptions, connectTunnel, type Tunnel, type TunnelStream } from '../src/index.js';
import { type Flags, quote, UsageError, type Values } from './flags.js';
import { say } from './notices.js';
import { exitCodeOf, Interrupted, whenToldToStop } from './signals.js';
import { readLine } from './text-file.js';

/** What every command says that meets others at a relay. */
export interface TunnelSettings {
  url: string;
  /** Of a file: read again whenever the relay asks for a newer one. */
  token: ConnectTunnelOptions['token'];
  isQuiet: boolean;
}

export const TUNNEL_FLAGS: Flags = {
  relay: {
    value: 'URL',
    default: 'ws://127.0.0.1:8080/trunkline',
    env: 'TRUNKLINE_RELAY',
    text: 'the relay to meet the other end at',
  },
  'token-file': {
    value: 'FILE',
    env: 'TRUNKLINE_TOKEN_FILE',
    oneOf: 'token',
    text: 'what is shown to the relay; read again when that runs out',
  },
  token: { value: 'TEXT', env: 'TRUNKLINE_TOKEN', oneOf: 'token', text: 'the same, where others may see it' },
  quiet: { short: 'q', text: 'say nothing on standard error but why it failed' },
};

/** What a tunnel shows of itself, all in all, has to fit into 16 KiB. */
const MAX_TOKEN_BYTES = 16_000;

const SCHEMES = ['ws:', 'wss:', 'http:', 'https:'];

export function checkTunnelFlags({ relay = '', token, 'token-file': file, quiet }: Values): TunnelSettings {
  if (!SCHEMES.includes(schemeOf(relay) ?? '')) {
    throw new UsageError(`--relay must be a URL that starts with ws, wss, http or https, not ${quote(relay)}`);
  }
  const bytes = Buffer.byteLength(token ?? '');
  if (bytes > MAX_TOKEN_BYTES)
    throw new UsageError(`--token must be at most ${MAX_TOKEN_BYTES} bytes long, not ${bytes}`);
  const readToken = file === undefined ? token : () => readLine('--token-file', file, MAX_TOKEN_BYTES);
  return { url: relay, token: readToken, isQuiet: quiet !== undefined };
}

function schemeOf(text: string): string | undefined {
  try {
    return new URL(text).protocol;
  } catch {
    return undefined;
  }
}

/** What is never done by itself. */
export const FOREVER = new Promise<never>(() => {});

/** How long a command that is done stays for the other end, which may have to come back for the last word. */
const LAST_WORD_MS = 5_000;

/** What a command does its work with. */
export interface Work {
  readonly tunnel: Tunnel;
  /** A signal resets it. */
  add(stream: TunnelStream): void;
}

export interface WorkOptions {
  /** It goes on until a signal comes: nothing is missing then, unless there are streams that end with it. */
  isEndless?: boolean;
}

/**
 * Does the work on a tunnel of its own, until it is done, a signal comes or the tunnel is over, and closes that in order.
 * A signal resets the streams with that reason, for the other ends to learn it, and makes the exit code that belongs to it.
 */
export async function workOnTunnel(
  settings: TunnelSettings,
  work: (work: Work) => Promise<number>,
  { isEndless = false }: WorkOptions = {},
): Promise<number> {
  // A file that cannot be read is told of before anything is dialed.
  if (typeof settings.token === 'function') await settings.token();
  const stop = whenToldToStop();
  let isComplete = isEndless;
  // Work that has an end leaves the tunnel without a stream, once both ends of each have had their last word.
  const tunnel = openTunnel(settings, isEndless ? 0 : 1);
  const streams = new Set<TunnelStream>();
  const add = (stream: TunnelStream): void => {
    streams.add(stream);
    stream.once('close', () => streams.delete(stream));
  };
  const stopped = stop.then((signal) => {
    if (isComplete && streams.size === 0) return 0;
    const interrupted = new Interrupted(signal);
    for (const stream of streams) stream.destroy(interrupted);
    throw interrupted;
  });
  // Closed by this side, it has done what it is for.
  const failed = tunnel.closed.then((error) => (error.code === 'TUNNEL_CLOSED' ? FOREVER : Promise.reject(error)));
  try {
    const done = work({ tunnel, add }).then(async (code) => {
      isComplete = true;
      await within(LAST_WORD_MS, tunnel.closed);
      return code;
    });
    return await Promise.race([stopped, done, failed]);
  } catch (error) {
    if (error instanceof Interrupted) return exitCodeOf(error.code);
    throw error;
  } finally {
    tunnel.close('the command at the other end is done');
    await tunnel.closed;
  }
}

async function within(limitMs: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([promise, limit]);
  clearTimeout(timer);
}

function openTunnel({ url, token, isQuiet }: TunnelSettings, idleTimeoutMs: number): Tunnel {
  const tunnel = connectTunnel(url, { token, idleTimeoutMs });
  // Whoever works with it learns of it from its streams, its listener, or `closed`.
  tunnel.on('error', () => {});
  if (!isQuiet) {
    tunnel.on('suspend', () => say('connection lost, reconnecting'));
    tunnel.on('resume', () => say('connected again'));
  }
  return tunnel;
}
