/** What each attempt waits at most, milliseconds; the last one goes for all that follow. */
const BASE_DELAYS_MS = [0, 1_000, 2_000, 5_000, 10_000, 30_000] as const;
const LAST_DELAY_MS = 30_000;

/**
 * When to try again. Full jitter: each delay is drawn from all of 0 to its base, so that the many who lost the same relay
 * at the same moment do not come back to it at the same moment.
 *
 * @param attempt 0 for the first
 * @param random from 0 up to, not including, 1
 */
export function backoffMs(attempt: number, random: () => number): number {
  return random() * (BASE_DELAYS_MS[attempt] ?? LAST_DELAY_MS);
}
