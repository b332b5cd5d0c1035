import { type Rate, RateBudget } from '../src/transport/rate-budget.js';

const MAX_KEYS = 4096;

/** A budget for each of so many keys; who has not used its own for longest gets a new one. */
export class KeyedBudgets {
  private readonly byKey = new Map<string, RateBudget>();

  constructor(
    private readonly rate: Readonly<Rate>,
    private readonly maxKeys = MAX_KEYS,
  ) {}

  take(key: string, now: number): boolean {
    const budget = this.byKey.get(key) ?? new RateBudget(this.rate, now);
    // Behind all others.
    this.byKey.delete(key);
    this.byKey.set(key, budget);
    const [oldest] = this.byKey.keys();
    if (this.byKey.size > this.maxKeys && oldest !== undefined) this.byKey.delete(oldest);
    return budget.take(1, now);
  }
}
