import { describe, expect, test } from 'vitest';
import {
  encodeAccept,
  encodeClose,
  encodeDetach,
  encodeEndAck,
  encodeOffer,
  encodeReset,
} from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Accept } from '../../src/protocol/frames.js';
import { CorePeer, creditFrame, dataFrame, endFrame, nextId, publicId } from './core-peer.js';
import { CANCELED, connectFar, lost, PROGRESS, startResume } from './resume-fixture.js';

/** The endpoint takes the stream that the relay has just opened there; returns its id. */
function answer(far: CorePeer, accept: Partial<Accept> = {}): number {
  const [open] = far.opened();
  far.send(
    encodeAccept(open!.id, {
      credit: 1_000_000,
      meta: null,
      resume: { received: 0, ended: false, proof: 'far' },
      ...accept,
    }),
  );
  return open!.id;
}

describe('an endpoint that is here', () => {
  test('is asked as the client asked, with clamped credit and without the key', () => {
    const { core, client, far, reopen } = startResume({ limits: { egressBytes: 20_000 } });
    const uid = nextId();
    const resume = { epoch: 3, received: 500, ended: true, proof: 'x' };
    reopen(resume, { uid, meta: { a: 1 }, credit: 1_000_000, key: nextId() }, 70);
    const [open] = far.opened();
    expect(open).toEqual({
      type: 'OPEN',
      id: 2,
      open: {
        uid,
        meta: { a: 1 },
        credit: 20_500,
        resume,
        target: { kind: 'resume', endpoint: publicId('far'), waitMs: 70 },
      },
    });
    expect([client.told(), core.stats.resumes.pending]).toEqual([[], 1]);
  });

  test('answers, and the client is told what it said and where it is', () => {
    const { core, client, far, reopen, expectNothingPending } = startResume({ limits: { egressBytes: 20_000 } });
    const id = reopen();
    const resume = { received: 700, ended: false, proof: 'far knows' };
    answer(far, { meta: 'hi', credit: 2_000_000, resume });
    expect(client.frames()).toEqual([
      { type: 'ACCEPT', id, accept: { meta: 'hi', credit: 20_700, endpoint: publicId('far'), resume } },
    ]);
    expect(far.told()).toEqual([]);
    expectNothingPending();
    expect([core.stats.resumes.matched, core.stats.splices.active]).toEqual([1, 1]);
  });

  test('each side sends on from what the other has received', () => {
    const { client, far, reopen } = startResume();
    const id = reopen({ received: 500 });
    const there = answer(far, { resume: { received: 700, ended: false, proof: '' } });
    client.told();
    client.send(dataFrame(id, new Uint8Array(10)), endFrame(id, 710));
    far.send(dataFrame(there, new Uint8Array(20)), endFrame(there, 520));
    expect(far.told()).toEqual([`DATA ${there} 10`, `END ${there} 710`]);
    expect(client.told()).toEqual([`DATA ${id} 20`, `END ${id} 520`]);
    client.send(creditFrame(id, 520, 9_000_000), encodeEndAck(id));
    far.send(creditFrame(there, 710, 9_000_000), encodeEndAck(there));
    far.send(encodeClose(there));
    client.send(encodeClose(id));
    expect([client.connection.streamCount, far.connection.streamCount]).toEqual([0, 0]);
    expect([client.connection.isOpen, far.connection.isOpen]).toEqual([true, true]);
  });

  test('a direction that had ended needs no END again, and takes none', () => {
    const { core, client, far, reopen } = startResume();
    const id = reopen({ received: 500, ended: true });
    const there = answer(far, { resume: { received: 700, ended: true, proof: '' } });
    client.told();
    far.send(encodeClose(there));
    expect(client.told()).toEqual([`CLOSE ${id}`]);
    client.send(encodeClose(id));
    expect(core.stats.splices.active).toBe(0);

    reopen({ received: 500, ended: true });
    const again = answer(far);
    far.send(dataFrame(again, new Uint8Array(1)));
    expect(far.told().at(-1)).toBe('GOAWAY PROTOCOL');
  });

  test('credit goes no further than what was received and the bound of the relay, and never below what was received', () => {
    const { client, far, reopen } = startResume({ limits: { egressBytes: 20_000 } });
    const id = reopen({ received: 500 }, { credit: 100 });
    const [open] = far.opened();
    expect(open!.open.credit).toBe(500);
    far.send(encodeAccept(open!.id, { credit: 600, meta: null, resume: { received: 700, ended: false, proof: '' } }));
    expect(client.told()).toEqual([`ACCEPT ${id} 700`]);
    client.send(creditFrame(id, 0, 10_000));
    expect(far.told()).toEqual([`CREDIT ${open!.id} 0 10000`]);
    far.send(dataFrame(open!.id, new Uint8Array(9_500)));
    expect(client.told()).toEqual([`DATA ${id} 9500`]);
    far.send(dataFrame(open!.id, new Uint8Array(1)));
    expect(far.told().at(-1)).toBe('GOAWAY FLOW_CONTROL');
  });

  test('is lost again: the client is detached, and may come again', () => {
    const { core, client, far, reopen } = startResume();
    const id = reopen();
    answer(far);
    client.told();
    far.connection.lost(lost());
    expect(client.told()).toEqual([`DETACH ${id} CONNECTION_LOST`]);
    const second = reopen({ epoch: 2 }, {}, 1000);
    const again = connectFar(core);
    expect(again.hello.map(({ type }) => type)).toEqual(['WELCOME', 'OPEN']);
    again.send(encodeAccept(2, { credit: 1, meta: null, resume: { received: 0, ended: false, proof: '' } }));
    expect(client.told()).toEqual([`ACCEPT ${second} 1`]);
  });

  test('says no: the client is told as it came, and answers', () => {
    const { core, client, far, reopen, expectNothingPending } = startResume();
    const id = reopen();
    const [open] = far.opened();
    const error = { code: 'RESUME_UNKNOWN', reason: 'who?', retryable: true, appCode: 'A' } as const;
    far.send(encodeReset(open!.id, error));
    expect(client.frames()).toMatchObject([{ type: 'RESET', id, error }]);
    expectNothingPending();
    client.send(encodeClose(id));
    expect(far.told()).toEqual([`CLOSE ${open!.id}`]);
    expect([client.connection.streamCount, far.connection.streamCount]).toEqual([0, 0]);
    expect(core.stats).toMatchObject({ resumes: { refused: 1 }, splices: { opened: 0, closed: 0 } });
  });

  test('gives the place up: so does the client', () => {
    const { client, far, reopen, expectNothingPending } = startResume();
    const id = reopen();
    far.send(encodeDetach(far.opened()[0]!.id, CANCELED));
    expect(client.told()).toEqual([`DETACH ${id} CANCELED`]);
    expectNothingPending();
    expect([client.connection.streamCount, far.connection.streamCount]).toEqual([0, 0]);
  });

  test.each([
    ['CONNECTION_LOST', 'DETACH', 'CONNECTION_LOST'],
    ['TUNNEL_CLOSED', 'RESET', 'LISTENER_GONE'],
  ] as const)('ends by %s before it answered: %s to the client', (code, frame, shown) => {
    const { core, client, far, reopen, expectNothingPending } = startResume();
    const id = reopen();
    far.connection.lost(new TrunklineError(code));
    expect(client.told()).toEqual([`${frame} ${id} ${shown}`]);
    expectNothingPending();
    expect(core.stats.splices).toEqual({ opened: 0, closed: 0, active: 0, detached: 0 });
  });

  test('does not answer in time', () => {
    const { core, client, far, reopen, expectNothingPending } = startResume({ limits: { acceptTimeoutMs: 100 } });
    const id = reopen();
    const [open] = far.opened();
    expect(core.nextDeadline()).toBe(100);
    core.advance(100);
    expect(client.told()).toEqual([`RESET ${id} ACCEPT_TIMEOUT`]);
    expect(far.told()).toEqual([`DETACH ${open!.id} ACCEPT_TIMEOUT`]);
    expectNothingPending();
    far.send(encodeAccept(open!.id, { credit: 1, meta: null, resume: PROGRESS }));
    expect([far.connection.isOpen, client.told(), core.stats.resumes.expired]).toEqual([true, [], 1]);
  });

  test('takes no more streams', () => {
    const { core, client, far, reopen } = startResume();
    far.connection.lost(lost());
    connectFar(core, { maxStreams: 1 });
    reopen();
    const id = reopen();
    expect(client.frames()).toMatchObject([{ type: 'RESET', id, error: { code: 'LIMIT_STREAMS', retryable: true } }]);
    expect([core.stats.resumes.pending, client.connection.streamCount]).toEqual([1, 1]);
  });

  test('does not read: its queue has an end', () => {
    const { core } = startResume();
    let told: string[] = [];
    for (let count = 0; count < 300 && told.length === 0; count++) {
      // Each has as many with it as one tunnel may have at first.
      const client = new CorePeer(core);
      const resume = { epoch: 1, ...PROGRESS };
      const ids = Array.from({ length: 8 }, () => client.resume('far', { resume, meta: 'x'.repeat(8000) }));
      told = client.told();
      if (told.length > 0) expect(ids.map((id) => `RESET ${id} LIMIT_RATE`)).toEqual(expect.arrayContaining(told));
    }
    expect(told).not.toEqual([]);
  });

  test('does not read while a client comes and goes: the client is held off, and the endpoint stays', () => {
    const { client, far, reopen } = startResume();
    let told: string[] = [];
    for (let count = 0; count < 20_000 && told.length === 0; count++) {
      client.send(encodeDetach(reopen({}, { meta: 'x'.repeat(450) }), CANCELED));
      told = client.told();
    }
    expect([told.length, told[0]]).toEqual([1, expect.stringMatching(/LIMIT_RATE$/)]);
    expect(far.connection.isOpen).toBe(true);
  });

  test.each([
    ['without saying what it has received', { resume: undefined }],
    ['with too large a meta', { meta: 'x'.repeat(9000) }],
  ])('answers %s: a breach', (_, accept) => {
    const { client, far, reopen, expectNothingPending } = startResume();
    const id = reopen();
    const [open] = far.opened();
    const answered: Accept = { credit: 1, meta: null, resume: PROGRESS, ...accept };
    far.send(encodeAccept(open!.id, answered));
    expect(far.told()).toEqual(['GOAWAY PROTOCOL']);
    expect(client.told()).toEqual([`RESET ${id} LISTENER_GONE`]);
    expectNothingPending();
  });

  test('sends before it answered: a breach', () => {
    const { far, reopen } = startResume();
    reopen();
    const [open] = far.opened();
    far.send(dataFrame(open!.id, new Uint8Array(1)));
    expect(far.told()).toEqual(['GOAWAY PROTOCOL']);
  });
});

describe('a client that is not answered yet', () => {
  test.each([0, 1000])('may not send (waitMs %s)', (waitMs) => {
    for (const frame of [
      (id: number) => dataFrame(id, new Uint8Array(1)),
      (id: number) => dataFrame(id, new Uint8Array(0)),
      (id: number) => endFrame(id, 0),
      (id: number) => creditFrame(id, 0, 1),
      (id: number) => encodeEndAck(id),
      (id: number) => encodeClose(id),
      (id: number) => encodeOffer(id, { id: nextId(), uid: nextId(), name: 'n', meta: null }),
    ]) {
      const { client, far, reopen, expectNothingPending } = startResume();
      if (waitMs > 0) far.connection.lost(lost());
      client.send(frame(reopen({}, {}, waitMs)));
      expect(client.told()).toEqual(['GOAWAY PROTOCOL']);
      expectNothingPending();
    }
  });

  test('gives the stream up: the endpoint is told, and its CLOSE is the answer', () => {
    const { core, client, far, reopen, expectNothingPending } = startResume();
    const id = reopen();
    const [open] = far.opened();
    client.send(encodeReset(id, CANCELED));
    expect(far.told()).toEqual([`RESET ${open!.id} CANCELED`]);
    expectNothingPending();
    // The answer that was on its way.
    far.send(encodeAccept(open!.id, { credit: 1, meta: null, resume: PROGRESS }));
    far.send(encodeClose(open!.id));
    expect(client.told()).toEqual([`CLOSE ${id}`]);
    expect([client.connection.streamCount, far.connection.streamCount]).toEqual([0, 0]);
    expect(core.stats).toMatchObject({ resumes: { canceled: 1, matched: 0 }, splices: { opened: 0, closed: 0 } });
  });

  test('leaves the place: so does the endpoint', () => {
    const { client, far, reopen, expectNothingPending } = startResume();
    client.send(encodeDetach(reopen(), CANCELED));
    expect(far.told()).toEqual(['OPEN 2', 'DETACH 2 CANCELED']);
    expectNothingPending();
  });

  test.each([
    ['CONNECTION_LOST', 'DETACH 2 CONNECTION_LOST'],
    ['TUNNEL_CLOSED', 'RESET 2 TUNNEL_CLOSED'],
  ] as const)('ends by %s: the endpoint gets %s', (code, shown) => {
    const { client, far, reopen, expectNothingPending } = startResume();
    reopen();
    far.told();
    client.connection.lost(new TrunklineError(code));
    expect(far.told()).toEqual([shown]);
    expectNothingPending();
    expect(far.connection.streamCount).toBe(0);
  });
});

test('an endpoint that says no is rid of the stream, whatever the client does not say', () => {
  const { far, reopen } = startResume();
  reopen();
  const [asked] = far.opened();
  far.send(encodeReset(asked!.id, { code: 'RESUME_UNKNOWN', reason: 'no' }));
  expect([far.told(), far.connection.streamCount]).toEqual([[`CLOSE ${asked!.id}`], 0]);
});

test('an endpoint that leaves for good while it is asked: the client need not ask again', () => {
  const { client, far, reopen } = startResume();
  const id = reopen();
  far.connection.lost(new TrunklineError('TUNNEL_CLOSED'));
  expect(client.frames()).toMatchObject([{ type: 'RESET', id, error: { code: 'LISTENER_GONE', retryable: false } }]);
});
