import { randomFillSync } from 'node:crypto';
import { MASK_KEY_BYTES } from './websocket-frames.js';

/** Random numbers by the thousand cost a fraction of as many calls for four. */
const RESERVE_BYTES = 8 * 1024;

const reserve = Buffer.alloc(RESERVE_BYTES);
let reserveAt = RESERVE_BYTES;

/** RFC 6455 section 5.3: a key for each frame, that nobody can predict. */
export function fillMaskKey(key: Uint8Array): void {
  if (reserveAt === RESERVE_BYTES) {
    randomFillSync(reserve);
    reserveAt = 0;
  }
  for (let index = 0; index < MASK_KEY_BYTES; index++) key[index] = reserve[reserveAt++] as number;
}
