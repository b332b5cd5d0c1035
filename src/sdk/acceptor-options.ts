import { DEFAULT_HEARTBEAT } from '../core/keep-alive.js';
import type { Heartbeat, TunnelMode } from '../protocol/frames.js';
import { MAX_HEARTBEAT_MS } from '../protocol/messages.js';
import {
  assertWhole,
  type ResolvedTunnelOptions,
  resolveTunnelOptions,
  type TunnelOptions,
} from '../runtime/tunnel-options.js';
import type { Refusal } from './stream-listener.js';

/** Somebody wants a tunnel. */
export interface TunnelRequest {
  /** The dialer's `token`, if it has one. */
  token: string | undefined;
  mode: TunnelMode;
  /** What its application wants to speak, the best first. */
  protocols: readonly string[];
  /** The tunnel is here already, and its dialer is back. */
  isReturning: boolean;
  /** The upgrade request, where there was one: Node's `IncomingMessage`. */
  request: unknown;
}

type Answer = boolean | Refusal | undefined;

export interface TunnelAcceptorOptions extends Omit<TunnelOptions, 'token'> {
  /** Which modes a dialer may ask for; past them it gets FORBIDDEN. Default: both. */
  modes?: readonly TunnelMode[] | undefined;
  /** Tunnels at once, also those that wait for their dialer. Past it: LIMIT_RATE. Default 4,096. */
  maxTunnels?: number | undefined;
  /** When dialers are asked whether they live: as a relay's. Default: every 25 s, lost 20 s later. */
  heartbeat?: Partial<Heartbeat> | undefined;
  /**
   * Asked for every dialer, also for one that comes back: true, or a refusal, which the dialer sees as FORBIDDEN
   * (UNAUTHENTICATED if it gave no token) with your `code` as its `appCode` and your `text` as its message. The dialer
   * waits for it until its handshake's deadline.
   */
  accept?: ((request: TunnelRequest) => Answer | Promise<Answer>) | undefined;
  /** Picks what is spoken from the dialer's `protocols`, which may be none. Default: nothing is. */
  handleProtocols?: ((protocols: Set<string>, request: unknown) => string | false) | undefined;
}

export interface ResolvedAcceptorOptions {
  tunnel: ResolvedTunnelOptions;
  modes: ReadonlySet<TunnelMode>;
  maxTunnels: number;
  heartbeat: Heartbeat;
  accept: TunnelAcceptorOptions['accept'];
  handleProtocols: TunnelAcceptorOptions['handleProtocols'];
}

const MODES: readonly TunnelMode[] = ['multi', 'stream'];
const DEFAULT_MAX_TUNNELS = 4096;

/** @throws RangeError or TypeError naming the option that makes no sense */
export function resolveAcceptorOptions(options: TunnelAcceptorOptions): ResolvedAcceptorOptions {
  const { modes = MODES, maxTunnels = DEFAULT_MAX_TUNNELS, accept, handleProtocols } = options;
  const heartbeat = { ...DEFAULT_HEARTBEAT, ...options.heartbeat };
  if (!Array.isArray(modes) || modes.length === 0 || !modes.every((mode) => MODES.includes(mode)))
    throw new TypeError(`modes are some of ${MODES.join(' and ')}, not ${JSON.stringify(modes)}`);
  // Else the first dialer would find out.
  assertHook('accept', accept);
  assertHook('handleProtocols', handleProtocols);
  assertWhole('maxTunnels', maxTunnels, 1);
  assertHeartbeat('intervalMs', heartbeat.intervalMs);
  assertHeartbeat('timeoutMs', heartbeat.timeoutMs);
  return {
    tunnel: resolveTunnelOptions(options),
    modes: new Set(modes),
    maxTunnels,
    heartbeat,
    accept,
    handleProtocols,
  };
}

function assertHook(name: string, hook: unknown): void {
  if (hook !== undefined && typeof hook !== 'function') throw new TypeError(`${name} must be a function`);
}

function assertHeartbeat(name: keyof Heartbeat, value: number): void {
  assertWhole(`heartbeat.${name}`, value, 1);
  if (value > MAX_HEARTBEAT_MS)
    throw new RangeError(`heartbeat.${name} must be at most ${MAX_HEARTBEAT_MS}, not ${value}`);
}
