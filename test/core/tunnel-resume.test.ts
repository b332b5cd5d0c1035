import { beforeEach, describe, expect, test } from 'vitest';
import type { ResumeKey } from '../../src/core/resume-key.js';
import type { StreamCore } from '../../src/core/stream.js';
import { encodeDetach, encodeOffer, encodeReset } from '../../src/protocol/encode.js';
import { creditFrame, dataFrame } from '../relay/core-peer.js';
import { nextId } from './pair.js';
import { ENDPOINT, progress, RESUME_WINDOW_MS, reopening, Wire } from './wire.js';

const LOST = { code: 'CONNECTION_LOST' as const, reason: 'the other endpoint is lost' };
const bytes = (...values: number[]) => Uint8Array.from(values);

describe('a client that comes back for a stream that was accepted here', () => {
  let wire: Wire;
  let stream: StreamCore;
  let key: ResumeKey;
  let liveId: number;
  beforeEach(() => {
    wire = Wire.opened();
    ({ stream, key, id: liveId } = wire.accepted());
    stream.write(bytes(1, 2, 3, 4));
    wire.say(dataFrame(liveId, bytes(9, 8)));
    wire.frames();
    wire.events();
  });

  test('takes the stream from the attachment that it had, which is left with DETACH', () => {
    const id = wire.reopen(stream.uid, reopening(key, 1, 1));
    expect(wire.told()).toEqual([`DETACH ${liveId} CONNECTION_LOST`, `ACCEPT ${id} again: 2`, `DATA ${id} 2,3,4`]);
    expect([wire.events(), wire.left]).toEqual([[], expect.objectContaining({ ids: 2, streams: 2, suspended: 0 })]);
    // What is late on the old one is nobody's.
    wire.say(dataFrame(liveId, bytes(7)), dataFrame(id, bytes(6)));
    expect([wire.events(), stream.unreadBytes]).toEqual([['data'], 3]);
  });

  test('is answered by one who knows the secret, too', () => {
    wire.reopen(stream.uid, reopening(key, 1, 4));
    const accept = wire.frames().find(({ type }) => type === 'ACCEPT');
    expect(accept).toMatchObject({ accept: { resume: progress(key, 'accept', 1, 2) } });
  });

  test.each<[string, (key: ResumeKey) => ReturnType<typeof reopening> | undefined, string]>([
    ['no claim at all', () => undefined, 'RESUME_UNKNOWN'],
    ['no proof', (key) => ({ ...reopening(key, 1, 1), proof: '' }), 'RESUME_UNKNOWN'],
    ['a proof for another offset', (key) => ({ ...reopening(key, 1, 1), received: 2 }), 'RESUME_UNKNOWN'],
    ['a proof for another epoch', (key) => ({ ...reopening(key, 1, 1), epoch: 2 }), 'RESUME_UNKNOWN'],
    ['a proof for another end', (key) => ({ ...reopening(key, 1, 1), ended: true }), 'RESUME_UNKNOWN'],
    ['a proof of the acceptor', (key) => ({ ...progress(key, 'accept', 1, 1), epoch: 1 }), 'RESUME_UNKNOWN'],
    ['more bytes than were sent', (key) => reopening(key, 1, 5), 'PROTOCOL'],
    ['an END that was not sent', (key) => reopening(key, 1, 4, true), 'PROTOCOL'],
  ])('is refused with %s, and the live attachment does not notice', (_, claim, code) => {
    const id = wire.reopen(stream.uid, claim(key));
    expect(wire.told()).toEqual([`RESET ${id} ${code}`]);
    wire.say(dataFrame(liveId, bytes(7)), creditFrame(liveId, 4, 1_000_000));
    stream.write(bytes(5));
    expect(wire.told()).toEqual([`DATA ${liveId} 5`]);
    expect([wire.events(), stream.unreadBytes, stream.retainedBytes]).toEqual([['data', 'drained'], 3, 1]);
    // And the right one is still welcome, with the same epoch.
    const again = wire.reopen(stream.uid, reopening(key, 1, 5));
    expect(wire.told()).toContain(`ACCEPT ${again} again: 3`);
  });

  test('is refused with less than it had before', () => {
    wire.say(creditFrame(liveId, 3, 1_000_000));
    const id = wire.reopen(stream.uid, reopening(key, 1, 2));
    expect(wire.told()).toEqual([`RESET ${id} PROTOCOL`]);
    const again = wire.reopen(stream.uid, reopening(key, 1, 3));
    expect(wire.told()).toContain(`ACCEPT ${again} again: 2`);
  });

  test('is not let in twice with one claim, nor with an older one', () => {
    const first = wire.reopen(stream.uid, reopening(key, 2, 4));
    expect(wire.told()).toContain(`ACCEPT ${first} again: 2`);
    for (const epoch of [1, 2]) {
      const id = wire.reopen(stream.uid, reopening(key, epoch, 4));
      expect(wire.told()).toEqual([`RESET ${id} RESUME_UNKNOWN`]);
    }
    wire.say(dataFrame(first, bytes(7)));
    expect(stream.unreadBytes).toBe(3);
  });

  test('is told the same of a stream that never was, of one that is over, and of a wrong key', () => {
    const answerTo = (uid: string) => {
      wire.reopen(uid, reopening(key, 1, 4));
      const [frame] = wire.frames();
      return frame?.type === 'RESET' ? frame.error : frame;
    };
    const unknown = answerTo(nextId());
    const other = wire.accepted();
    expect(answerTo(other.stream.uid)).toEqual(unknown);
    wire.say(encodeReset(liveId, { code: 'CANCELED', reason: '' }));
    expect(wire.told()).toEqual([`CLOSE ${liveId}`]);
    expect(answerTo(stream.uid)).toEqual(unknown);
  });

  test('with everything: counts as END_ACK', () => {
    stream.end();
    expect(wire.told()).toEqual([`END ${liveId} 4`]);
    const id = wire.reopen(stream.uid, reopening(key, 1, 4, true));
    expect(wire.events()).toEqual(['delivered']);
    expect(wire.told()).toEqual([`DETACH ${liveId} CONNECTION_LOST`, `ACCEPT ${id} again: 2`]);
  });

  test('finds it suspended after DETACH, over whatever connection, until the window is over', () => {
    wire.say(encodeDetach(liveId, LOST));
    expect([wire.events(), wire.left]).toEqual([
      ['suspended'],
      { streams: 2, suspended: 1, ids: 1, deadline: RESUME_WINDOW_MS },
    ]);
    wire.elapse(RESUME_WINDOW_MS - 1);
    const id = wire.reopen(stream.uid, reopening(key, 1, 4));
    expect([wire.told(), wire.events()]).toEqual([[`ACCEPT ${id} again: 2`], ['resumed']]);
    wire.say(encodeDetach(id, LOST));
    wire.elapse(RESUME_WINDOW_MS);
    expect(wire.events()).toEqual(['suspended', 'failed RESUME_EXPIRED']);
    expect(wire.left).toMatchObject({ streams: 1, suspended: 0, ids: 1 });
  });
});

describe('a connect whose answer was lost', () => {
  test('asks for its name again, with its key, and goes on as new', () => {
    const wire = Wire.opened();
    const stream = wire.tunnel.open({ kind: 'connect', name: 'n', waitMs: 0 }, null);
    stream.write(bytes(1, 2));
    const [first] = wire.opens();
    wire.cut();
    wire.comeBack();
    const [again] = wire.opens();
    expect(again!.open).toMatchObject({
      uid: first!.open.uid,
      key: first!.open.key,
      target: { kind: 'connect', name: 'n', waitMs: 10_000 },
      resume: { epoch: 1, received: 0, ended: false },
    });
    wire.accept(again!.id, { endpoint: ENDPOINT });
    expect(wire.told()).toEqual([`DATA ${again!.id} 1,2`]);
    expect(wire.events()).toEqual(['drained', 'suspended', 'suspended', 'resumed', 'opened', 'resumed']);
  });

  test('is told how far it was, where the listener has it already', () => {
    const wire = Wire.opened();
    const key = nextId();
    const stream = wire.tunnel.open({ kind: 'connect', name: 'n', waitMs: 0 }, null);
    stream.write(bytes(1, 2));
    const { open } = wire.opens()[0]!;
    wire.cut();
    wire.comeBack();
    const [again] = wire.opens();
    expect(key).not.toBe(open.key);
    const proof = `accept ${open.uid} 1 1 open ${open.key}`;
    wire.accept(again!.id, { endpoint: ENDPOINT, resume: { received: 1, ended: false, proof } });
    expect(wire.told()).toEqual([`DATA ${again!.id} 2`]);
  });

  test('is not offered to the application a second time: the listener accepts again, and says how far it is', () => {
    const wire = Wire.opened();
    const { stream, key, secret, listenId, id } = wire.accepted();
    wire.say(dataFrame(id, bytes(9)));
    stream.write(bytes(1, 2));
    wire.frames();
    wire.say(encodeDetach(id, LOST));
    wire.events();
    const offer = { id: nextId(), uid: stream.uid, name: 'n', meta: null, key: secret };
    wire.say(encodeOffer(listenId, { ...offer, resume: reopening(key, 1, 0) }));
    const [again] = wire.opens();
    expect(again!.open).toMatchObject({
      uid: stream.uid,
      target: { kind: 'accept', offerId: offer.id },
      resume: { epoch: 1, ...progress(key, 'accept', 1, 1) },
    });
    expect(wire.told()).toEqual([]);
    wire.accept(again!.id);
    expect([wire.told(), wire.events()]).toEqual([[`DATA ${again!.id} 1,2`], ['resumed']]);
  });

  test('has never reached the relay, which offers the same connect again: accepted again, as new', () => {
    const wire = Wire.opened();
    const { listener, listenId } = wire.listening();
    const { stream, offer } = wire.accepting(listener, listenId);
    stream.write(bytes(1, 2));
    wire.frames();
    wire.cut();
    wire.comeBack();
    const again = wire.opens()[0]!.id;
    wire.accept(again, { claim: 7 });
    const second = { ...offer, id: nextId() };
    wire.say(encodeOffer(again, second));
    const { id, open } = wire.opens()[0]!;
    // To a client that has not asked again there is nothing to be carried on.
    expect(open).toEqual({ ...open, uid: stream.uid, target: { kind: 'accept', offerId: second.id }, key: offer.key });
    expect(open).not.toHaveProperty('resume');
    wire.accept(id);
    stream.write(bytes(3));
    expect(wire.told()).toEqual([`DATA ${id} 1,2,3`]);
    expect(wire.events().filter((event) => !/suspended|resumed|drained/.test(event))).toEqual([
      'opened',
      'offer',
      'opened',
    ]);
  });

  test('was decided on twice, because it was offered twice meanwhile: the second yes is the one that counts', () => {
    const wire = Wire.opened();
    const { listener, listenId } = wire.listening();
    const first = { id: nextId(), uid: nextId(), name: 'n', meta: null, key: nextId() };
    wire.say(encodeOffer(listenId, first));
    wire.cut();
    wire.comeBack();
    const again = wire.opens()[0]!.id;
    wire.accept(again, { claim: 7 });
    const second = { ...first, id: nextId() };
    wire.say(encodeOffer(again, second));
    wire.events();
    const acceptOf = (offer: typeof first) =>
      wire.tunnel.open({ kind: 'accept', offerId: offer.id }, null, { uid: offer.uid, offer: { offer, listener } });
    const stream = acceptOf(first);
    const stale = wire.opens()[0]!;
    expect(acceptOf(second).isClosed).toBe(true);
    const good = wire.opens()[0]!;
    expect(good.open.target).toEqual({ kind: 'accept', offerId: second.id });
    wire.say(encodeReset(stale.id, { code: 'CANCELED', reason: 'no such offer' }));
    wire.accept(good.id);
    expect([wire.events(), stream.currentPhase]).toEqual([['failed CANCELED', 'opened'], 'open']);
  });

  test('is not accepted again as new for somebody with another key', () => {
    const wire = Wire.opened();
    const { listener, listenId } = wire.listening();
    const { offer } = wire.accepting(listener, listenId);
    wire.frames();
    wire.say(encodeOffer(listenId, { ...offer, id: nextId(), key: nextId() }));
    expect(wire.frames()).toMatchObject([{ type: 'REFUSE', refuse: { code: 'RESUME_UNKNOWN' } }]);
  });

  test('of a repeated connect is lost, too: the relay offers that again, with the same proof', () => {
    const wire = Wire.opened();
    const { stream, key, secret, id } = wire.accepted();
    wire.say(dataFrame(id, bytes(9)));
    const offer = { uid: stream.uid, name: 'n', meta: null, key: secret, resume: reopening(key, 1, 0) };
    for (let count = 0; count < 3; count++) {
      wire.cut();
      wire.comeBack();
      const listenId = wire.opens()[0]!.id;
      wire.accept(listenId, { claim: 7 });
      wire.say(encodeOffer(listenId, { ...offer, id: nextId() }));
      expect(wire.opens()).toMatchObject([{ open: { target: { kind: 'accept' }, resume: { received: 1 } } }]);
    }
    // But nobody takes a stream from where it is live by saying something twice.
    const live = wire.connection.streamCount * 2 - 1;
    wire.accept(live);
    wire.say(encodeOffer(1, { ...offer, id: nextId() }));
    expect(wire.frames()).toMatchObject([{ type: 'REFUSE', refuse: { code: 'RESUME_UNKNOWN' } }]);
  });

  test.each([
    ['without a proof', undefined],
    ['with a wrong one', { epoch: 1, received: 0, ended: false, proof: 'wrong' }],
  ])('%s it is refused, and the stream stays where it is', (_, resume) => {
    const wire = Wire.opened();
    const { stream, secret, listenId, id } = wire.accepted();
    const offer = { id: nextId(), uid: stream.uid, name: 'n', meta: null, key: secret };
    wire.say(encodeOffer(listenId, { ...offer, ...(resume && { resume }) }));
    const [refuse] = wire.frames();
    expect(refuse).toMatchObject({ type: 'REFUSE', id: listenId, refuse: { id: offer.id, code: 'RESUME_UNKNOWN' } });
    wire.say(dataFrame(id, bytes(9)));
    expect(wire.events()).toEqual(['data']);
  });
});
