import * as fc from 'fast-check';
import { PROPERTY_RUNS, PROPERTY_SEED } from '../property/settings.js';

/** Throws with the smallest counterexample, unless the property holds for all that was tried. */
export function holds<T>(property: fc.IProperty<T>, numRuns = PROPERTY_RUNS): void {
  // A property that is not async says no more than by throwing.
  void fc.assert(property, { numRuns, seed: PROPERTY_SEED });
}
