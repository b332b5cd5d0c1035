import type { ErrorPayload } from '../protocol/errors.js';
import type { Open } from '../protocol/frames.js';
import type { Limits } from '../protocol/limits.js';
import { isMetaWithin } from '../protocol/meta.js';

/** Why a stream that the peer opens is refused before anybody is asked; undefined when it may go on (R34, R35). */
export function refusalOf(open: Open, streamsOfPeer: number, limits: Limits): ErrorPayload | undefined {
  const { maxStreams, maxMetaBytes } = limits;
  if (streamsOfPeer >= maxStreams) {
    return { code: 'LIMIT_STREAMS', reason: `at most ${maxStreams} streams on one tunnel` };
  }
  if (!isMetaWithin(open.meta, maxMetaBytes)) {
    return { code: 'LIMIT_BYTES', reason: `meta is over ${maxMetaBytes} bytes of JSON or too deep` };
  }
  return undefined;
}
