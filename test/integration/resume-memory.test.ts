import { describe, expect, it } from 'vitest';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { StoppedReaders } from '../support/stopped-readers.js';

const STREAMS = 4;
const KIB = 1024;
const windowBytes = 256 * KIB;
const bytes = 1024 * KIB;
const CUTS = 6;

checkLeaksAfterEach();

describe('readers that stop while connections are cut again and again', () => {
  it('what is kept stays within a window for each stream, at either side, and all of it comes in the end', async () => {
    const fixture = await startRelay();
    const readers = await StoppedReaders.start(fixture.url, { streams: STREAMS, windowBytes, bytes });
    fixture.tunnels.push(...readers.tunnels);
    fixture.alsoClose.push(() => readers.close());
    for (let cut = 0; cut < CUTS; cut++) {
      await readers.cut(cut % 2 === 0 ? 'client' : 'listener');
      const { retained, unread } = readers.kept();
      expect(retained).toBeLessThanOrEqual(STREAMS * windowBytes);
      expect(unread).toBeLessThanOrEqual(STREAMS * windowBytes);
    }
    expect(await readers.finish()).toBe(STREAMS * bytes);
  });
});
