import type { Attachment } from '../src/core/attachment.js';
import type { FrameMeter } from '../src/core/frame-meter.js';
import { TrunklineError } from '../src/protocol/errors.js';
import type { StreamFrame } from '../src/protocol/frames.js';
import { RateBudget } from '../src/transport/rate-budget.js';
import { Leg } from './leg.js';
import type { RateName, RelayRates } from './rates.js';

/** A CREDIT that moves neither offset as far as this costs more than it is worth. */
const LITTLE_CREDIT_BYTES = 1024;
/** Who was cut off may come back once this much of what it had used up is there again. */
const RETURN_SHARE = 0.5;

/** What is left of a peer's rates: kept for when it comes back. */
export type Levels = Partial<Record<RateName, number>>;

/**
 * What one peer may still do, besides what its limits allow it to have. What others make it do is free: it may answer each
 * offer once, give up each stream that it has taken by that, and refuse what the relay opens.
 */
export class PeerBudget implements FrameMeter {
  /** Most peers never use most of them. */
  private readonly budgets: Partial<Record<RateName, RateBudget>> = {};
  private unansweredOffers = 0;
  private freeResets = 0;

  constructor(
    private readonly rates: RelayRates,
    private readonly maxStreams: number,
  ) {}

  of(name: RateName, now: number): RateBudget {
    this.budgets[name] ??= new RateBudget(this.rates[name], now);
    return this.budgets[name];
  }

  // ── FrameMeter ───────────────────────────────────────────────────────────────────────────────────────────────────

  tunnelFrame(type: 'PING' | 'PONG' | 'TOKEN', now: number): void {
    this.spend(type === 'TOKEN' ? 'tokens' : 'pings', now);
  }

  streamFrame(frame: StreamFrame, attachment: Attachment | undefined, now: number): void {
    if (doesNothing(frame, attachment)) this.spend('idleFrames', now);
    // Even ids are the relay's: what it asks a peer may refuse.
    else if (frame.type === 'RESET' && frame.id % 2 === 1) this.reset(now);
  }

  nothing(count: number, now: number): void {
    this.spend('idleFrames', now, count);
  }

  // ── what the relay tells of it ───────────────────────────────────────────────────────────────────────────────────

  /** It was offered a stream. */
  offered(): void {
    this.unansweredOffers++;
  }

  /** It has answered an offer, or says so. @throws TrunklineError LIMIT_RATE */
  answered(isYes: boolean, now: number): void {
    if (this.unansweredOffers === 0) return this.spend('refusals', now);
    this.unansweredOffers--;
    if (isYes && this.freeResets < this.maxStreams) this.freeResets++;
  }

  /** @throws TrunklineError LIMIT_RATE past it, with the time from which it is worth coming back */
  spend(name: RateName, now: number, cost = 1): void {
    if (!this.of(name, now).take(cost, now)) throw this.passed(name);
  }

  // ── what is remembered of it ─────────────────────────────────────────────────────────────────────────────────────

  /** What it has used up, if that is worth to be remembered. */
  levels(now: number): Levels | undefined {
    const used: Levels = {};
    for (const [name, budget] of Object.entries(this.budgets) as [RateName, RateBudget][]) {
      const left = budget.left(now);
      if (left < this.rates[name].burst * RETURN_SHARE) used[name] = left;
    }
    return Object.keys(used).length === 0 ? undefined : used;
  }

  /** It was here before, `agoMs` ago, and had no more than this. `leastShare`: of each burst it has as much in any case. */
  resume(levels: Levels, agoMs: number, leastShare: number, now: number): void {
    for (const [name, left] of Object.entries(levels) as [RateName, number][]) {
      const { perSecond, burst } = this.rates[name];
      this.of(name, now).lowerTo(Math.max(left + (agoMs * perSecond) / 1000, burst * leastShare));
    }
  }

  private reset(now: number): void {
    if (this.freeResets > 0) this.freeResets--;
    else this.spend('resets', now);
  }

  private passed(name: RateName): TrunklineError {
    const { perSecond, burst } = this.rates[name];
    const retryAfterMs = Math.ceil((burst * RETURN_SHARE * 1000) / perSecond);
    return new TrunklineError('LIMIT_RATE', `over ${burst} ${name} at once and ${perSecond} a second`, {
      retryAfterMs,
    });
  }
}

/** Of a stream that is over, or that only waits for its other end; or with nothing in it. */
function doesNothing(frame: StreamFrame, attachment: Attachment | undefined): boolean {
  if (attachment === undefined || (attachment instanceof Leg && attachment.isSpent)) return true;
  if (frame.type === 'DATA') return frame.payload.length === 0;
  if (frame.type !== 'CREDIT') return false;
  // What the relay itself says on a stream is never so much that credit matters.
  if (!(attachment instanceof Leg)) return true;
  return attachment.outbound.progressBy(frame.consumed, frame.credit) < LITTLE_CREDIT_BYTES;
}
