import { describe, expect, test } from 'vitest';
import type { RelayOptions } from '../../relay/options.js';
import { encodeAccept, encodeDetach, encodeReset } from '../../src/protocol/encode.js';
import { CorePeer, nextId } from './core-peer.js';
import { CANCELED, connectFar, lost, PROGRESS, type ResumeFixture, startResume } from './resume-fixture.js';

/** The endpoint has lost its connection. */
function startAlone(options?: RelayOptions): ResumeFixture {
  const fixture = startResume(options);
  fixture.far.connection.lost(lost());
  return fixture;
}

describe('an endpoint that is not here', () => {
  test('is waited for, and asked before anything else when it comes', () => {
    const { core, client, reopen, expectNothingPending } = startAlone();
    const ids = [reopen({}, { meta: 1 }, 1000), reopen({}, { meta: 2 }, 1000)];
    expect([client.told(), core.nextDeadline()]).toEqual([[], 1000]);
    new CorePeer(core, {}, 0, 'somebody else');
    const far = connectFar(core);
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
    const { core, reopen } = startAlone();
    reopen({}, {}, 100_000);
    const told: number[] = [];
    core.onDeadline = () => told.push(core.nextDeadline());
    connectFar(core, {}, 50);
    expect(told).toEqual([30_050]);
  });

  test('is not waited for by who does not want to', () => {
    const { client, reopen, expectNothingPending } = startAlone();
    const id = reopen();
    expect(client.frames()).toMatchObject([{ type: 'RESET', id, error: { code: 'RESUME_EXPIRED', retryable: false } }]);
    expectNothingPending();
  });

  test.each([
    [400, 400, false],
    [500, 500, false],
    [501, 500, true],
  ])('is waited for %s ms: until %s, retryable %s', (waitMs, until, retryable) => {
    const { core, client, reopen, expectNothingPending } = startAlone({ limits: { maxWaitMs: 500 } });
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
    const { core, client, reopen, expectNothingPending } = startAlone();
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
    expect(connectFar(core).hello).toHaveLength(1);
  });

  test('comes and takes too few streams: the others are told to try again', () => {
    const { core, client, reopen } = startAlone();
    const ids = [1, 2, 3].map(() => reopen({}, {}, 1000));
    const far = connectFar(core, { maxStreams: 2 });
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
    const { client, far, reopen } = startResume(options);
    const id = reopen({}, { resume: progress && { epoch: 1, ...progress } });
    expect(client.told()).toEqual([`RESET ${id} RESUME_UNKNOWN`]);
    expect(far.told()).toEqual([]);
  });

  test('past the cap of the relay, which is not that of connects; what is answered makes room', () => {
    const { client, far, reopen } = startResume({ limits: { maxPendingResumes: 2, maxPendingConnects: 1 } });
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
    const { core, client, far } = startResume();
    far.listen('n', { owner: 'o' });
    const id = client.connect('n', { key: nextId() });
    const [offer] = far.offers();
    far.accept(offer!, { key: offer!.key });
    client.told();
    const again = connectFar(core);
    expect([far.connection.endReason?.code, again.connection.isOpen]).toEqual(['CONNECTION_LOST', true]);
    expect(far.told()).toEqual(['GOAWAY CONNECTION_LOST']);
    expect(client.told()).toEqual([`DETACH ${id} CONNECTION_LOST`]);
    expect(core.stats.names.reserved).toBe(1);
    client.resume('far');
    expect(again.told()).toEqual(['OPEN 2']);
  });

  test('that ends late does not take its successor along', () => {
    const { core, client, far } = startResume();
    const again = connectFar(core);
    far.connection.lost(lost());
    client.resume('far');
    expect(again.told()).toEqual(['OPEN 2']);
  });

  test('has one endpoint: others, and those without, stay', () => {
    const { core } = startResume();
    const others = [new CorePeer(core, {}, 0, 'another'), new CorePeer(core), new CorePeer(core)];
    connectFar(core);
    expect(others.map((peer) => peer.connection.isOpen)).toEqual([true, true, true]);
  });
});
