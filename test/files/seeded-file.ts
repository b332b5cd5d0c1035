import { seededBytes } from '../support/seeded-bytes.js';

/** A `File` of seeded bytes, see `seededBytes`. */
export function seededFile(seed: number, sizeBytes: number, name: string, type = ''): File {
  return new File([new Uint8Array(seededBytes(seed, 0, sizeBytes))], name, { type });
}
