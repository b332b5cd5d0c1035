import { describe, expect, test } from 'vitest';
import { type Attacker, webSocketHeader } from '../support/attacker.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { frame, hello, newUid, offsets, open, Type } from '../support/raw-peer.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { attackerOf, closePeersAfterEach, peerOf, strangerOf } from './peers.js';

checkLeaksAfterEach();
closePeersAfterEach();

const KIB = 1024;
const connect = (fields: object = {}, target: object = {}): Buffer =>
  open(1, { kind: 'connect', name: 'NOBODY', ...target }, fields);

/** A header that promises, with nothing behind it. */
function promise(type: number, id: number, length: number): Buffer {
  const header = frame(id, type);
  header.writeUIntBE(length, 5, 3);
  return header;
}

/** As deep as a control frame holds it. */
const deep = (levels: number): Buffer =>
  Buffer.from(
    `{"uid":"${newUid()}","credit":1,"target":{"kind":"plain"},"meta":${'['.repeat(levels)}${']'.repeat(levels)}}`,
  );

/** That the relay serves others as before. */
async function expectServes(fixture: RelayFixture): Promise<void> {
  const [listener, client] = [await peerOf(fixture), await peerOf(fixture)];
  listener.send(open(1, { kind: 'listen', name: 'HONEST' }));
  await listener.next(Type.ACCEPT);
  client.send(open(1, { kind: 'connect', name: 'HONEST' }));
  const { id: offerId, uid } = await listener.nextPayload(Type.OFFER);
  listener.send(open(3, { kind: 'accept', offerId }, { uid }));
  await Promise.all([listener.next(Type.ACCEPT), client.next(Type.ACCEPT)]);
}

describe('too much of anything ends the connection that says it', () => {
  test.each<[string, Buffer, string]>([
    ['a control payload of one byte over 16 KiB', promise(Type.OPEN, 1, 16 * KIB + 1), 'PROTOCOL'],
    ['a control payload as large as 24 bits promise', promise(Type.OPEN, 1, 0xffffff), 'PROTOCOL'],
    ['DATA of one byte over maxFrameBytes', promise(Type.DATA, 1, 64 * KIB + 1), 'PROTOCOL'],
    ['an unknown frame of one byte over maxFrameBytes', promise(0x6f, 1, 64 * KIB + 1), 'PROTOCOL'],
    ['a message of one byte over maxMessageBytes', frame(0, 0x6f, Buffer.alloc(64 * KIB)), 'PROTOCOL'],
    ['an offer id of 129 characters', open(1, { kind: 'accept', offerId: 'x'.repeat(129) }), 'PROTOCOL'],
    ['an owner of 129 characters', open(1, { kind: 'listen', name: 'N', owner: 'x'.repeat(129) }), 'PROTOCOL'],
    ['an endpoint of 129 characters', open(1, { kind: 'resume', endpoint: 'x'.repeat(129) }), 'PROTOCOL'],
    [
      'a proof of 129 characters',
      connect({ resume: { epoch: 1, received: 0, ended: false, proof: 'x'.repeat(129) } }),
      'PROTOCOL',
    ],
    ['a uid of 33 digits', connect({ uid: '0'.repeat(33) }), 'PROTOCOL'],
    ['an offset over 2^53 - 1', Buffer.concat([connect(), frame(1, Type.END, Buffer.alloc(8, 0xff))]), 'PROTOCOL'],
    ['a credit over 2^53 - 1', connect({ credit: 2 ** 53 }), 'PROTOCOL'],
    ['a number that is none', frame(1, Type.OPEN, Buffer.from('{"uid":"x","credit":1e999}')), 'PROTOCOL'],
    ['a wait of more than a number holds', connect({}, { waitMs: 2 ** 60 }), 'PROTOCOL'],
    ['the highest id there is, from the wrong side', open(0xffff_fffe, { kind: 'plain' }), 'PROTOCOL'],
    ['DATA for a stream that never was', frame(99, Type.DATA, Buffer.alloc(1)), 'PROTOCOL'],
    ['early bytes past the early window', connect({}, { waitMs: 60_000 }), 'FLOW_CONTROL'],
  ])('%s', async (what, bytes, code) => {
    const fixture = await startRelay();
    const attacker = await attackerOf(fixture);
    const behind = what.startsWith('early') ? [frame(1, Type.DATA, Buffer.alloc(16 * KIB + 1))] : [];
    const padding = what.startsWith('a message') ? [bytes, bytes] : [];
    attacker.send(bytes, ...behind, ...padding);
    expect(await endingOf(attacker)).toBe(code);
    await expectServes(fixture);
  });

  test('a WebSocket frame that promises 2^40 bytes is over once more than a message has come', async () => {
    const fixture = await startRelay();
    const attacker = await attackerOf(fixture);
    attacker.sendBytes(webSocketHeader(0x82, 2 ** 40));
    const part = frame(0, 0x6f, Buffer.alloc(32 * KIB));
    for (let count = 0; count < 8; count++) attacker.sendBytes(part);
    // By GOAWAY, or by the WebSocket's own status for it.
    expect(['PROTOCOL', '1009']).toContain(await endingOf(attacker));
    await expectServes(fixture);
  });

  test('a message in fragments is as large as all of them', async () => {
    const fixture = await startRelay();
    const attacker = await attackerOf(fixture);
    const [first, next] = [0x02, 0x00];
    const part = frame(0, 0x6f, Buffer.alloc(32 * KIB));
    for (let count = 0; count < 8; count++) {
      const header = webSocketHeader(count === 0 ? first : next, part.length);
      attacker.sendBytes(Buffer.concat([header, part]));
    }
    expect(['PROTOCOL', '1009']).toContain(await endingOf(attacker));
    await expectServes(fixture);
  });
});

describe('too much of what is one stream’s own refuses that stream', () => {
  test.each<[string, Buffer, string]>([
    ['a name of 129 characters', connect({}, { name: 'x'.repeat(129) }), 'BAD_NAME'],
    ['a name of 15,000 characters', connect({}, { name: 'x'.repeat(15_000) }), 'BAD_NAME'],
    ['a path for a name', connect({}, { name: '../../etc/passwd' }), 'BAD_NAME'],
    ['a line feed in a name', connect({}, { name: 'a\nb' }), 'BAD_NAME'],
    ['meta of one byte over 8 KiB', connect({ meta: 'x'.repeat(8 * KIB - 1) }), 'LIMIT_BYTES'],
    ['meta nested 7,000 levels deep', frame(1, Type.OPEN, deep(7000)), 'LIMIT_BYTES'],
    ['meta nested 65 levels deep', frame(1, Type.OPEN, deep(65)), 'LIMIT_BYTES'],
  ])('%s', async (_, bytes, code) => {
    const fixture = await startRelay();
    const attacker = await attackerOf(fixture);
    attacker.send(bytes);
    const { code: told, reason } = await attacker.nextPayload(Type.RESET);
    expect(told).toBe(code);
    // What was too long does not come back at its length.
    expect(String(reason).length).toBeLessThan(400);
    await attacker.settle();
  });

  test('a reason of 15,000 bytes reaches the other side cut to 1,024', async () => {
    const fixture = await startRelay();
    const [listener, client] = [await peerOf(fixture), await attackerOf(fixture)];
    listener.send(open(1, { kind: 'listen', name: 'HONEST' }));
    await listener.next(Type.ACCEPT);
    client.open({ kind: 'connect', name: 'HONEST' });
    const { id: offerId, uid } = await listener.nextPayload(Type.OFFER);
    listener.send(open(3, { kind: 'accept', offerId }, { uid }));
    await client.next(Type.ACCEPT);
    client.send(frame(1, Type.RESET, { code: 'CANCELED', reason: 'x'.repeat(15_000), appCode: 'y'.repeat(1000) }));
    const { reason, appCode } = await listener.nextPayload(Type.RESET);
    expect([String(reason).length, String(appCode).length]).toEqual([1024, 128]);
  });
});

describe('too much before anybody is known', () => {
  test.each<[string, Buffer[], string]>([
    ['a HELLO of one byte over 16 KiB', [promise(Type.HELLO, 0, 16 * KIB + 1)], 'PROTOCOL'],
    ['33 protocols', [hello({ protocols: Array.from({ length: 33 }, String) })], 'PROTOCOL'],
    ['a protocol of 129 characters', [hello({ protocols: ['x'.repeat(129)] })], 'PROTOCOL'],
    ['a limit out of its range', [hello({ limits: { maxMessageBytes: 2 ** 40 } })], 'PROTOCOL'],
    ['an endpoint of 31 digits', [hello({ endpoint: '0'.repeat(31) })], 'PROTOCOL'],
    ['frames without a HELLO', [connect()], 'PROTOCOL'],
  ])('%s', async (_, frames, code) => {
    const fixture = await startRelay();
    const attacker = await strangerOf(fixture);
    attacker.send(...frames);
    expect(await endingOf(attacker)).toBe(code);
    expect(attacker.isWelcome).toBe(false);
    await expectServes(fixture);
  });

  test('more than 16 KiB while the relay decides who it is: LIMIT_BYTES', async () => {
    const fixture = await startRelay({ authenticate: () => new Promise(() => {}), handshakeTimeoutMs: 60_000 });
    const attacker = await strangerOf(fixture);
    attacker.send(hello());
    for (let id = 1; id < 40; id += 2) attacker.send(open(id, { kind: 'listen', name: 'x'.repeat(1000) }));
    expect(await endingOf(attacker)).toBe('LIMIT_BYTES');
  });

  test('DATA with a false END, with a false offset', async () => {
    const fixture = await startRelay();
    const attacker = await attackerOf(fixture);
    attacker.send(
      connect({}, { waitMs: 60_000 }),
      frame(1, Type.DATA, Buffer.alloc(5)),
      frame(1, Type.END, offsets(6)),
    );
    expect(await endingOf(attacker)).toBe('PROTOCOL');
  });
});

/** The code of GOAWAY, or the WebSocket's status where that comes first. */
async function endingOf(attacker: Attacker): Promise<string> {
  return attacker.nextPayload(Type.GOAWAY).then(
    ({ code }) => String(code),
    async () => String((await attacker.ended).closeCode),
  );
}
