import type { Rate } from '../src/transport/rate-budget.js';

/** What a peer may do how often. Past it: see each. */
export interface RelayRates {
  /** Names taken and connects, of one tunnel. What is more waits for its turn, as an unanswered connect. */
  opens: Rate;
  /** RESETs of streams that the peer has opened itself. Over it: the tunnel ends, LIMIT_RATE. */
  resets: Rate;
  /** Streams that are to be carried on. Over it: LIMIT_RATE, tried again later. */
  resumes: Rate;
  /** Requests that the relay refuses. Over it: the tunnel ends, LIMIT_RATE. */
  refusals: Rate;
  /** PINGs and PONGs. Over it: the tunnel ends, LIMIT_RATE. */
  pings: Rate;
  /** Renewed tokens. Over it: the tunnel ends, LIMIT_RATE. */
  tokens: Rate;
  /** Frames that do nothing: empty, unknown, late, or granting next to no credit. Over it: the tunnel ends, LIMIT_RATE. */
  idleFrames: Rate;
  /** Connections from one address (of IPv6: one /64). Over it: HTTP 503, after half a second. */
  dials: Rate;
  /** Listeners of one owner that take the same name from each other. Over it: the newer one fails, LIMIT_RATE. */
  takeovers: Rate;
}

export type RateName = keyof RelayRates;

/** Some bursts are never below what an honest peer with `maxStreams` streams does at once. */
const DEFAULTS: Readonly<RelayRates> = {
  opens: { perSecond: 500, burst: 1000 },
  resets: { perSecond: 33, burst: 1000 },
  resumes: { perSecond: 500, burst: 4096 },
  refusals: { perSecond: 100, burst: 2000 },
  pings: { perSecond: 100, burst: 1000 },
  tokens: { perSecond: 1, burst: 10 },
  idleFrames: { perSecond: 2000, burst: 20_000 },
  dials: { perSecond: 200, burst: 1000 },
  takeovers: { perSecond: 1, burst: 20 },
};

export const RATE_NAMES = Object.keys(DEFAULTS) as RateName[];

export type GivenRates = { [Name in RateName]?: Partial<Rate> | undefined };

/** @throws RangeError naming the option that is out of range */
export function resolveRates(given: GivenRates = {}, maxStreams = 0): RelayRates {
  const rates = {} as RelayRates;
  for (const name of RATE_NAMES) {
    const { perSecond, burst } = DEFAULTS[name];
    const isOfStreams = name === 'resets' || name === 'resumes' || name === 'refusals';
    rates[name] = {
      perSecond: positive(`rates.${name}.perSecond`, given[name]?.perSecond ?? perSecond),
      burst: atLeastOne(`rates.${name}.burst`, given[name]?.burst ?? Math.max(burst, isOfStreams ? maxStreams : 0)),
    };
  }
  return rates;
}

/** Also parts of one: slower than once a second. */
function positive(name: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value;
  throw new RangeError(`${name} must be a number above 0, not ${String(value)}`);
}

function atLeastOne(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new RangeError(`${name} must be a whole number above 0, not ${String(value)}`);
}
