import type { TrunklineError } from '../protocol/errors.js';
import type { StreamCore } from './stream.js';

/** Who looks after a stream that has no place, or that is over and not yet known to be. */
export interface StreamKeeper {
  /** Whether a stream whose connection ended so is carried on; else it fails with this error. */
  survives(error: TrunklineError): boolean;
  /** It has lost its place, or did not get another: give it one, or let it fail in the end. */
  suspended(stream: StreamCore): void;
  /** It has a place again, and both sides know where to go on. */
  settled(stream: StreamCore): void;
  /** It is over for the application, and waits for the other side's last word. */
  lingers(stream: StreamCore): void;
  /** Nothing is left of it. */
  gone(stream: StreamCore): void;
}

/** A stream that lives on one attachment (a relay's listen stream). */
export const NO_KEEPER: StreamKeeper = {
  survives: () => false,
  suspended: () => {},
  settled: () => {},
  lingers: () => {},
  gone: () => {},
};
