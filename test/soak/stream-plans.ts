import type { ErrorCode } from '../../src/index.js';
import type { SeededRandom } from '../support/seeded-random.js';

/**
 * `bulk` and `stopped` carry bytes of their own both ways; the others are echoed. `stopped` has a reader that stops and
 * goes on, `abandoned` is destroyed by its opener, `visit` goes to a listener that comes and goes.
 */
export const KINDS = ['bulk', 'stopped', 'pingPong', 'short', 'abandoned', 'idle', 'visit'] as const;
export type Kind = (typeof KINDS)[number];
export type End = 'opener' | 'acceptor';

/** All that both ends of a stream must know; the acceptor gets it as `meta`. */
export interface Plan {
  kind: Kind;
  /** Of the bytes of the opener; those of the acceptor, where it has its own, are of the next one. */
  seed: number;
  bytesEachWay: number;
  /** Most that one write has, and one round of ping-pong. */
  chunkBytes: number;
  /** Each way; 0: as fast as it goes. */
  bytesPerSecond: number;
  /** Before the first byte (idle), between rounds (pingPong), at each stop (stopped). */
  pauseMs: number;
  /** Which reader stops, every so many bytes. */
  stop?: { end: End; everyBytes: number };
  /** How many bytes of the echo the opener waits for before it gives up. */
  abandonAtBytes?: number;
  /** How long the connect waits for a listener. */
  waitMs: number;
}

/** What comes of the plan itself, and not of a defect. */
const EXPECTED: Partial<Record<Kind, Partial<Record<End, readonly ErrorCode[]>>>> = {
  abandoned: { acceptor: ['CANCELED'] },
  // Its ACCEPT was lost, and the listener gone when the opener asked again: then the acceptor waits for nobody.
  visit: { opener: ['NO_LISTENER', 'LISTENER_GONE'], acceptor: ['RESUME_EXPIRED'] },
};

export function isExpected(kind: Kind, end: End, code: string): boolean {
  return (EXPECTED[kind]?.[end] as readonly string[] | undefined)?.includes(code) ?? false;
}

export const isEcho = (kind: Kind): boolean => kind !== 'bulk' && kind !== 'stopped';

const KIB = 1024;
const MIB = 1024 * KIB;
const NO_PACE = { bytesPerSecond: 0, pauseMs: 0, waitMs: 0 };

/** What streams of each kind are like; `bulk` gets its pace from the run. */
export function drawPlan(kind: Kind, random: SeededRandom, bulkBytesPerSecond = 0): Plan {
  const seed = 2 * random.integer(0, 2 ** 28);
  const base = { ...NO_PACE, kind, seed };
  switch (kind) {
    case 'bulk': {
      const bytesEachWay = random.integer(MIB, 24 * MIB);
      const chunkBytes = random.pick([1 * KIB, 16 * KIB, 64 * KIB, 200 * KIB]);
      return { ...base, bytesEachWay, chunkBytes, bytesPerSecond: bulkBytesPerSecond };
    }
    case 'stopped': {
      const bytesEachWay = random.integer(256 * KIB, 6 * MIB);
      // Few stops: a stream lasts for seconds, not for minutes.
      const everyBytes = Math.ceil(bytesEachWay / random.integer(1, 4));
      const stop = { end: random.pick(['opener', 'acceptor'] as const), everyBytes };
      return { ...base, bytesEachWay, chunkBytes: 64 * KIB, pauseMs: random.integer(200, 5_000), stop };
    }
    case 'pingPong': {
      const chunkBytes = random.integer(1, 256);
      const bytesEachWay = chunkBytes * random.integer(100, 1_000);
      return { ...base, bytesEachWay, chunkBytes, pauseMs: random.integer(0, 50) };
    }
    case 'short':
      return { ...base, bytesEachWay: random.integer(0, 8 * KIB), chunkBytes: random.integer(100, 4 * KIB) };
    case 'abandoned': {
      const bytesEachWay = random.integer(1, 512 * KIB);
      const abandonAtBytes = random.integer(0, bytesEachWay);
      return { ...base, bytesEachWay, chunkBytes: 16 * KIB, abandonAtBytes };
    }
    case 'idle':
      return { ...base, bytesEachWay: random.integer(1, 100), chunkBytes: 100, pauseMs: random.integer(5_000, 60_000) };
    case 'visit': {
      const waitMs = random.pick([0, 3_000]);
      return { ...base, bytesEachWay: random.integer(1, 64 * KIB), chunkBytes: 8 * KIB, waitMs };
    }
  }
}
