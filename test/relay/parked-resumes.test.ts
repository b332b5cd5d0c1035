import { beforeEach, describe, expect, test } from 'vitest';
import type { RelayOptions } from '../../relay/options.js';
import type { RelayCore } from '../../relay/relay-core.js';
import { encodeAccept, encodeDetach, encodeReset } from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Open } from '../../src/protocol/frames.js';
import { CorePeer, makeRelay, nextId } from './core-peer.js';

const lost = () => new TrunklineError('CONNECTION_LOST');
const CANCELED = { code: 'CANCELED', reason: 'why' } as const;
const PROGRESS = { received: 0, ended: false, proof: 'client knows' };

let core: RelayCore;
let client: CorePeer;
let far: CorePeer;

function start(options: RelayOptions = {}): void {
  ({ core } = makeRelay(options));
  client = new CorePeer(core);
  far = new CorePeer(core, {}, 0, 'far');
}

beforeEach(() => start());

/** Whatever happened: nothing is pending. */
function expectNothingPending(): void {
  const { broker } = core as unknown as { broker: { pendingResumeCount: number } };
  expect([core.stats.resumes.pending, broker.pendingResumeCount]).toEqual([0, 0]);
}

function reopen(resume: Partial<Open['resume']> = {}, fields: Partial<Open> = {}, waitMs = 0): number {
  return client.resume('far', { resume: { epoch: 1, ...PROGRESS, ...resume }, ...fields }, waitMs);
}

describe('an endpoint that is not here', () => {
  beforeEach(() => far.connection.lost(lost()));

  test('is waited for, and asked before anything else when it comes', () => {
    const ids = [reopen({}, { meta: 1 }, 1000), reopen({}, { meta: 2 }, 1000)];
    expect([client.told(), core.nextDeadline()]).toEqual([[], 1000]);
    new CorePeer(core, {}, 0, 'somebody else');
    far = new CorePeer(core, {}, 0, 'far');
    const opened = far.hello.slice(1);
    expect(opened).toMatchObject([
      { type: 'OPEN', open: { meta: 1 } },
      { type: 'OPEN', open: { meta: 2 } },
    ]);
    for (const { id } of opened as { id: number }[])
      far.send(encodeAccept(id, { credit: 9, meta: null, resume: PROGRESS }));
    expect(client.told()).toEqual(ids.map((id) => `ACCEPT ${id} 9`));
    expectNothingPending();
  });

  test('sets a deadline for its answer when it comes', () => {
    reopen({}, {}, 100_000);
    const told: number[] = [];
    core.onDeadline = () => told.push(core.nextDeadline());
    far = new CorePeer(core, {}, 50, 'far');
    expect(told).toEqual([30_050]);
  });

  test('is not waited for by who does not want to', () => {
    const id = reopen();
    expect(client.frames()).toMatchObject([{ type: 'RESET', id, error: { code: 'RESUME_EXPIRED', retryable: false } }]);
    expectNothingPending();
  });

  test.each([
    [400, 400, false],
    [500, 500, false],
    [501, 500, true],
  ])('is waited for %s ms: until %s, retryable %s', (waitMs, until, retryable) => {
    start({ limits: { maxWaitMs: 500 } });
    far.connection.lost(lost());
    const id = reopen({}, {}, waitMs);
    core.advance(until - 1);
    expect(client.told()).toEqual([]);
    core.advance(until);
    expect(client.frames()).toMatchObject([{ type: 'RESET', id, error: { code: 'RESUME_EXPIRED', retryable } }]);
    expectNothingPending();
    expect(client.connection.streamCount).toBe(0);
    expect(core.stats.resumes).toMatchObject({ requested: 1, expired: 1 });
  });

  test('who waits can give up, and is answered', () => {
    const id = reopen({}, {}, 1000);
    client.send(encodeReset(id, CANCELED));
    expect(client.told()).toEqual([`CLOSE ${id}`]);
    client.send(encodeDetach(reopen({}, {}, 1000), CANCELED));
    expect(client.told()).toEqual([]);
    reopen({}, {}, 1000);
    client.connection.lost(lost());
    expectNothingPending();
    expect(core.stats.resumes.canceled).toBe(3);
    expect(core.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
    expect(new CorePeer(core, {}, 0, 'far').hello).toHaveLength(1);
  });

  test('comes and takes too few streams: the others are told to try again', () => {
    const ids = [1, 2, 3].map(() => reopen({}, {}, 1000));
    far = new CorePeer(core, { maxStreams: 2 }, 0, 'far');
    expect(far.hello).toHaveLength(3);
    expect(client.told()).toEqual([`RESET ${ids[2]} LIMIT_STREAMS`]);
    expect(core.stats.resumes).toMatchObject({ requested: 3, refused: 1, pending: 2 });
  });
});

describe('a re-open is refused', () => {
  test.each([
    ['at a relay that resumes nothing', { resumeWindowMs: 0 }, PROGRESS],
    ['that does not say what it has received', {}, undefined],
  ])('%s', (_, options, progress) => {
    start(options);
    const id = reopen({}, { resume: progress && { epoch: 1, ...progress } });
    expect(client.told()).toEqual([`RESET ${id} RESUME_UNKNOWN`]);
    expect(far.told()).toEqual([]);
  });

  test('past the cap of the relay, which is not that of connects; what is answered makes room', () => {
    start({ limits: { maxPendingResumes: 2, maxPendingConnects: 1 } });
    const park = (): number => client.resume('nobody', {}, 1000);
    const first = park();
    park();
    const third = park();
    expect(client.frames()).toMatchObject([
      { type: 'RESET', id: third, error: { code: 'LIMIT_STREAMS', retryable: true } },
    ]);
    client.send(encodeReset(first, CANCELED));
    expect(client.told()).toEqual([`CLOSE ${first}`]);
    park();
    expect(client.told()).toEqual([]);
    // Whose other end is here waits for nobody.
    reopen();
    expect([client.told(), far.opened()]).toEqual([[], [expect.anything()]]);
  });
});

describe('a ghost', () => {
  test('ends before the frames of the connection that replaces it, its streams and names lost', () => {
    far.listen('n', { owner: 'o' });
    const id = client.connect('n', { key: nextId() });
    const [offer] = far.offers();
    far.accept(offer!, { key: offer!.key });
    client.told();
    const again = new CorePeer(core, {}, 0, 'far');
    expect([far.connection.endReason?.code, again.connection.isOpen]).toEqual(['CONNECTION_LOST', true]);
    expect(far.told()).toEqual(['GOAWAY CONNECTION_LOST']);
    expect(client.told()).toEqual([`DETACH ${id} CONNECTION_LOST`]);
    expect(core.stats.names.reserved).toBe(1);
    client.resume('far');
    expect(again.told()).toEqual(['OPEN 2']);
  });

  test('that ends late does not take its successor along', () => {
    const again = new CorePeer(core, {}, 0, 'far');
    far.connection.lost(lost());
    client.resume('far');
    expect(again.told()).toEqual(['OPEN 2']);
  });

  test('has one endpoint: others, and those without, stay', () => {
    const others = [new CorePeer(core, {}, 0, 'another'), new CorePeer(core), new CorePeer(core)];
    new CorePeer(core, {}, 0, 'far');
    expect(others.map((peer) => peer.connection.isOpen)).toEqual([true, true, true]);
  });
});
