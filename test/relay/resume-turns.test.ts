import { expect, test } from 'vitest';
import { encodeAccept, encodeReset } from '../../src/protocol/encode.js';
import { CorePeer } from './core-peer.js';
import { CANCELED, connectFar, lost, PROGRESS, startResume } from './resume-fixture.js';

const FIRST_ALLOWED = 8;
const UNKNOWN = { code: 'RESUME_UNKNOWN', reason: 'no such stream' } as const;

const yes = (id: number) => encodeAccept(id, { credit: 9, meta: null, resume: PROGRESS });
const idsOf = (far: CorePeer): number[] => far.opened().map(({ id }) => id);

test('so many re-opens of one tunnel are with one endpoint; others wait, in order, each for an answer', () => {
  const { client, far, reopen, expectNothingPending } = startResume();
  const ids = Array.from({ length: 12 }, (_, index) => reopen({}, { meta: index }));
  const asked = far.opened();
  expect(asked.map(({ open }) => open.meta)).toEqual(Array.from({ length: FIRST_ALLOWED }, (_, index) => index));
  for (const { id } of asked) far.send(encodeReset(id, UNKNOWN));
  const rest = far.opened();
  expect(rest.map(({ open }) => open.meta)).toEqual([8, 9, 10, 11]);
  for (const { id } of rest) far.send(encodeReset(id, UNKNOWN));
  expect(client.told()).toEqual(ids.map((id) => `RESET ${id} RESUME_UNKNOWN`));
  expectNothingPending();
});

test('each yes makes it one more: they double with each round; a no begins again', () => {
  const { far, reopen } = startResume();
  for (let count = 0; count < 200; count++) reopen();
  const rounds: number[] = [];
  for (const answer of [yes, yes, (id: number) => encodeReset(id, UNKNOWN), yes]) {
    const ids = idsOf(far);
    rounds.push(ids.length);
    for (const id of ids) far.send(answer(id));
  }
  // The third round is refused one by one: the first no leaves 31 unanswered, which is more than is allowed then.
  expect(rounds).toEqual([8, 16, 32, 8]);
});

test('is counted for each tunnel by itself, whatever it asks, and again from the start once all are answered', () => {
  const { core, client, far, reopen } = startResume();
  const another = new CorePeer(core);
  const third = connectFar(core, {}, 0);
  expect(far.connection.hasEnded).toBe(true);
  for (let count = 0; count < 20; count++) {
    reopen();
    another.resume('far');
  }
  expect(idsOf(third)).toHaveLength(2 * FIRST_ALLOWED);
  client.connection.lost(lost());
  another.connection.lost(lost());
  expect(third.told().filter((told) => told.startsWith('OPEN'))).toEqual([]);
  expect(core.stats.resumes.pending).toBe(0);
});

test('an endpoint that does not answer holds up none that are for another', () => {
  const { core, client, far, reopen, expectNothingPending } = startResume();
  for (let count = 0; count < 2 * FIRST_ALLOWED; count++) reopen();
  const other = new CorePeer(core, {}, 0, 'other');
  client.resume('other');
  expect([idsOf(far).length, idsOf(other).length]).toEqual([FIRST_ALLOWED, 1]);
  client.connection.lost(lost());
  expectNothingPending();
});

test('no more wait than may be refused: who has used that up has few waiting', () => {
  const { core, client, reopen } = startResume({ rates: { refusals: { burst: 5, perSecond: 0.001 } } });
  for (let count = 0; count < FIRST_ALLOWED + 5; count++) reopen();
  expect([client.told(), core.stats.resumes.pending]).toEqual([[], FIRST_ALLOWED + 5]);
  const id = reopen();
  expect(client.frames()).toMatchObject([{ type: 'RESET', id, error: { code: 'LIMIT_RATE', retryable: true } }]);
  expect(core.stats.resumes.pending).toBe(FIRST_ALLOWED + 5);
});

test('who waits can give up, and is answered; nobody asks for it', () => {
  const { client, far, reopen, core } = startResume();
  const ids = Array.from({ length: FIRST_ALLOWED + 2 }, () => reopen());
  const [first] = idsOf(far);
  client.send(encodeReset(ids[FIRST_ALLOWED]!, CANCELED));
  expect(client.told()).toEqual([`CLOSE ${ids[FIRST_ALLOWED]}`]);
  far.send(encodeReset(first!, UNKNOWN));
  expect(idsOf(far)).toHaveLength(1);
  expect(core.stats.resumes).toMatchObject({ canceled: 1, refused: 1, pending: FIRST_ALLOWED });
});

test('who waits too long is told so, and so is who waits when the relay is drained', () => {
  const { core, clock, client, far, reopen } = startResume({ limits: { acceptTimeoutMs: 500 } });
  const ids = Array.from({ length: 3 * FIRST_ALLOWED - 2 }, () => reopen());
  clock.now = 400;
  for (const id of idsOf(far)) far.send(encodeReset(id, UNKNOWN));
  client.told();
  core.advance(500);
  expect(client.told()).toEqual(ids.slice(2 * FIRST_ALLOWED).map((id) => `RESET ${id} ACCEPT_TIMEOUT`));
  expect([core.stats.resumes.expired, core.stats.resumes.pending]).toEqual([FIRST_ALLOWED - 2, FIRST_ALLOWED]);
  const late = reopen();
  core.drain(1000);
  expect(client.told().filter((told) => told.startsWith('RESET'))).toEqual([`RESET ${late} GOING_AWAY`]);
  expect(core.stats.resumes.pending).toBe(FIRST_ALLOWED);
});

test('whose endpoint has left meanwhile waits for it, if it said so, until its time', () => {
  const { core, client, far, reopen } = startResume();
  for (let count = 0; count < FIRST_ALLOWED; count++) reopen();
  const patient = reopen({}, { meta: 'patient' }, 1000);
  const hasty = reopen();
  far.connection.lost(lost());
  expect(client.told().filter((told) => told.startsWith('RESET'))).toEqual([`RESET ${hasty} RESUME_EXPIRED`]);
  expect([core.stats.resumes.pending, core.nextDeadline()]).toEqual([1, 1000]);
  const again = connectFar(core);
  expect(again.hello).toMatchObject([{ type: 'WELCOME' }, { type: 'OPEN', open: { meta: 'patient' } }]);
  core.advance(30_000);
  expect(client.told()).toEqual([`RESET ${patient} ACCEPT_TIMEOUT`]);
});

test('all that were parked have their turns when the endpoint comes', () => {
  const { core, client, far, reopen, expectNothingPending } = startResume();
  far.connection.lost(lost());
  for (let count = 0; count < 100; count++) reopen({}, {}, 1000);
  const again = connectFar(core);
  let ids = again.hello.slice(1).map((frame) => (frame as { id: number }).id);
  const rounds: number[] = [];
  for (; ids.length > 0; ids = idsOf(again)) {
    rounds.push(ids.length);
    for (const id of ids) again.send(yes(id));
  }
  expect(rounds).toEqual([8, 16, 32, 44]);
  expect(client.told().filter((told) => told.startsWith('ACCEPT'))).toHaveLength(100);
  expectNothingPending();
});
