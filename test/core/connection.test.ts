import { beforeEach, describe, expect, test } from 'vitest';
import { ConnectionCore, type ConnectionOwner } from '../../src/core/connection.js';
import { HANDSHAKE_TIMEOUT_MS, UNAUTHENTICATED_BYTES } from '../../src/core/handshake.js';
import type { Role } from '../../src/core/stream-table.js';
import {
  encodeAccept,
  encodeEndAck,
  encodeGoaway,
  encodeHello,
  encodeOpen,
  encodePing,
  encodePong,
  encodeToken,
  encodeTokenRequest,
  encodeWelcome,
} from '../../src/protocol/encode.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Frame } from '../../src/protocol/frames.js';
import { DEFAULT_LIMITS, type Limits } from '../../src/protocol/limits.js';
import { decodeMessage } from '../support/decode-message.js';
import { takeMessage } from '../support/take-message.js';
import { FakeAttachment } from './fake-attachment.js';

const HEARTBEAT = { intervalMs: 25_000, timeoutMs: 20_000 };
const UID = '0123456789abcdef0123456789abcdef';
const OPEN = { uid: UID, credit: 0, meta: null, target: { kind: 'plain' as const } };

class Side implements ConnectionOwner {
  readonly calls: string[] = [];
  readonly connection: ConnectionCore;
  now = 0;
  onHello: () => void = () => {};
  onOpen: (id: number) => void = () => {};

  constructor(role: Role, limits: Partial<Limits> = {}) {
    this.connection = new ConnectionCore({ role, limits: { ...DEFAULT_LIMITS, ...limits }, now: 0 }, this);
  }

  helloReceived(): void {
    this.calls.push('hello');
    this.onHello();
  }

  welcomeReceived(): void {
    this.calls.push('welcome');
  }

  openReceived(id: number): void {
    this.calls.push(`open ${id}`);
    this.onOpen(id);
  }

  noticeReceived(error: TrunklineError, graceMs: number): void {
    this.calls.push(`notice ${error.code} ${graceMs}`);
  }

  connectionEnded(error: TrunklineError): void {
    this.calls.push(`ended ${error.code}`);
  }

  welcome(): void {
    this.connection.welcome({ relayId: 'relay', heartbeat: HEARTBEAT, resumeWindowMs: 0 }, this.now);
  }

  receive(...parts: Uint8Array[]): void {
    this.connection.receive(join(...parts), this.now);
  }

  /** The frames that it sends now. */
  sent(): string[] {
    const frames: Frame[] = [];
    for (let message = takeMessage(this.connection); message; message = takeMessage(this.connection))
      frames.push(...decodeMessage(message, 1024 * 1024).frames);
    return frames.map((frame) => {
      if (frame.type === 'GOAWAY' || frame.type === 'RESET') return `${frame.type} ${frame.error.code}`;
      return 'id' in frame ? `${frame.type} ${frame.id}` : frame.type;
    });
  }
}

function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

const hello = (limits: Partial<Limits> = {}, version = 1) =>
  encodeHello({ version, limits: { ...DEFAULT_LIMITS, ...limits } });
const welcome = (limits: Partial<Limits> = {}, version = 1) =>
  encodeWelcome({
    version,
    limits: { ...DEFAULT_LIMITS, ...limits },
    heartbeat: HEARTBEAT,
    relayId: 'r',
    resumeWindowMs: 0,
  });
const ping = encodePing(new Uint8Array(8));

describe('an acceptor', () => {
  let side: Side;
  beforeEach(() => {
    side = new Side('acceptor');
  });

  test('says nothing before HELLO, WELCOME after it', () => {
    expect(side.sent()).toEqual([]);
    side.receive(hello());
    expect(side.calls).toEqual(['hello']);
    expect(side.sent()).toEqual([]);
    side.welcome();
    expect(side.connection.isOpen).toBe(true);
    expect(side.sent()).toEqual(['WELCOME']);
  });

  test('holds what follows HELLO while it decides, in the same message and in later ones', () => {
    side.receive(hello(), encodeOpen(1, OPEN));
    side.receive(encodeOpen(3, OPEN), ping);
    expect(side.calls).toEqual(['hello']);
    side.welcome();
    expect(side.calls).toEqual(['hello', 'open 1', 'open 3']);
    expect(side.sent()).toEqual(['WELCOME', 'PONG']);
  });

  test('holds a bounded number of bytes', () => {
    const first = hello();
    side.receive(first);
    side.receive(...Array.from({ length: (UNAUTHENTICATED_BYTES - first.length) >> 3 }, () => encodeEndAck(1)));
    expect(side.calls).toEqual(['hello']);
    side.receive(encodeEndAck(1));
    expect(side.calls).toEqual(['hello', 'ended LIMIT_BYTES']);
    expect(side.sent()).toEqual(['GOAWAY LIMIT_BYTES']);
  });

  test('finds the breach in held bytes, and then looks at no more of them', () => {
    side.receive(hello());
    side.receive(encodeEndAck(1));
    side.receive(encodeOpen(1, OPEN));
    side.welcome();
    expect(side.calls).toEqual(['hello', 'ended PROTOCOL']);
  });

  test('may refuse', () => {
    side.onHello = () => side.connection.fail(new TrunklineError('UNAUTHENTICATED'));
    side.receive(hello(), encodeOpen(1, OPEN));
    expect(side.calls).toEqual(['hello', 'ended UNAUTHENTICATED']);
    expect(side.sent()).toEqual(['GOAWAY UNAUTHENTICATED']);
    side.welcome();
    expect(side.sent()).toEqual([]);
  });

  test.each([
    ['WELCOME', welcome()],
    ['OPEN', encodeOpen(1, OPEN)],
    ['PING', ping],
    ['END_ACK', encodeEndAck(1)],
  ])('refuses %s as the first frame', (_, frame) => {
    side.receive(frame);
    expect(side.sent()).toEqual(['GOAWAY PROTOCOL']);
    expect(side.calls).toEqual(['ended PROTOCOL']);
  });

  test.each([0, 2, 0xffff])('refuses version %i', (version) => {
    side.receive(hello({}, version));
    expect(side.calls).toEqual(['ended PROTOCOL']);
  });

  test.each([
    ['HELLO', hello()],
    ['WELCOME', welcome()],
  ])('refuses %s once it is open', (_, frame) => {
    side.receive(hello());
    side.welcome();
    side.sent();
    side.receive(frame);
    expect(side.sent()).toEqual(['GOAWAY PROTOCOL']);
  });

  test('a second HELLO behind the first is found when the first was welcome', () => {
    side.onHello = () => side.welcome();
    side.receive(hello(), hello());
    expect(side.calls).toEqual(['hello', 'ended PROTOCOL']);
  });

  test('limits the streams and the meta of its peer, one stream at a time', () => {
    const small = new Side('acceptor', { maxStreams: 1, maxMetaBytes: 10 });
    small.onHello = () => small.welcome();
    small.onOpen = (id) => small.connection.attach(id, new FakeAttachment(id));
    small.receive(hello(), encodeOpen(1, { ...OPEN, meta: 'far too long' }), encodeOpen(3, OPEN), encodeOpen(5, OPEN));
    expect(small.calls).toEqual(['hello', 'open 3']);
    expect(small.sent()).toEqual(['WELCOME', 'RESET LIMIT_BYTES', 'RESET LIMIT_STREAMS']);
  });
});

describe('a dialer', () => {
  let side: Side;
  beforeEach(() => {
    side = new Side('dialer');
    side.connection.hello({ token: 'token' });
  });

  test('sends HELLO first, and opens behind it without waiting', () => {
    side.connection.open(new FakeAttachment(1), OPEN);
    expect(side.sent()).toEqual(['HELLO', 'OPEN 1']);
  });

  test('sends no more than the unauthenticated cap before WELCOME, and the rest after it', () => {
    const meta = 'x'.repeat(7000);
    for (let count = 0; count < 4; count++) side.connection.open(new FakeAttachment(0), { ...OPEN, meta });
    expect(side.sent()).toEqual(['HELLO', 'OPEN 1', 'OPEN 3']);
    side.receive(welcome());
    expect(side.sent()).toEqual(['OPEN 5', 'OPEN 7']);
  });

  test('is open with WELCOME, and tells every attachment', () => {
    const attachment = new FakeAttachment(1);
    side.connection.open(attachment, OPEN);
    side.receive(welcome({ maxStreams: 7 }));
    expect(side.calls).toEqual(['welcome']);
    expect(attachment.limitsCalls).toBe(1);
    expect(side.connection.peerLimits.maxStreams).toBe(7);
  });

  test('assumes no early window before WELCOME', () => {
    expect(side.connection.peerLimits.earlyWindowBytes).toBe(0);
  });

  test('is refused with GOAWAY instead of WELCOME', () => {
    side.sent();
    side.receive(encodeGoaway({ code: 'UNAUTHENTICATED', reason: 'no' }));
    expect(side.calls).toEqual(['ended UNAUTHENTICATED']);
    expect(side.sent()).toEqual([]);
  });

  test.each([
    ['HELLO', hello()],
    ['PING', ping],
    ['ACCEPT', encodeAccept(1, { credit: 1, meta: null })],
  ])('refuses %s as the first frame', (_, frame) => {
    side.receive(frame);
    expect(side.calls).toEqual(['ended PROTOCOL']);
  });

  test('refuses a WELCOME of another version', () => {
    side.receive(welcome({}, 2));
    expect(side.calls).toEqual(['ended PROTOCOL']);
  });

  test('refuses a second WELCOME', () => {
    side.receive(welcome(), welcome());
    expect(side.calls).toEqual(['welcome', 'ended PROTOCOL']);
  });

  test('opens no more streams than the peer allows', () => {
    side.receive(welcome({ maxStreams: 1 }));
    side.connection.open(new FakeAttachment(1), OPEN);
    expect(() => side.connection.open(new FakeAttachment(3), OPEN)).toThrow(
      expect.objectContaining({ code: 'LIMIT_STREAMS' }),
    );
  });

  test('an OPEN that cannot be sent leaves nothing behind', () => {
    expect(() => side.connection.open(new FakeAttachment(1), { ...OPEN, meta: 'x'.repeat(20_000) })).toThrow(
      expect.objectContaining({ code: 'LIMIT_BYTES' }),
    );
    expect(side.connection.streamCount).toBe(0);
    expect(side.sent()).toEqual(['HELLO']);
  });
});

describe.each<Role>(['acceptor', 'dialer'])('the handshake deadline of the %s', (role) => {
  test('ends it', () => {
    const side = new Side(role);
    expect(side.connection.nextDeadline()).toBe(HANDSHAKE_TIMEOUT_MS);
    side.connection.advance(HANDSHAKE_TIMEOUT_MS - 1);
    expect(side.calls).toEqual([]);
    side.connection.advance(HANDSHAKE_TIMEOUT_MS);
    expect(side.calls).toEqual(['ended HANDSHAKE_TIMEOUT']);
    expect(side.connection.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });

  test('is not moved by what comes before the handshake is complete', () => {
    const side = new Side(role);
    side.now = 5000;
    if (role === 'acceptor') side.receive(hello());
    expect(side.connection.nextDeadline()).toBe(HANDSHAKE_TIMEOUT_MS);
  });
});

describe('TOKEN', () => {
  /** What it hears of a frame that says what both roles would. */
  function heard(role: Role): string[] {
    const side = new Side(role);
    if (role === 'acceptor') {
      side.onHello = () => side.welcome();
      side.receive(hello());
    } else {
      side.connection.hello();
      side.receive(welcome());
    }
    const told: string[] = [];
    side.connection.onToken = (token) => told.push(token);
    side.connection.onTokenRequest = (expiresInMs) => told.push(`wanted within ${expiresInMs}`);
    side.receive(encodeToken('newer'), encodeTokenRequest(5));
    expect(side.connection.isOpen).toBe(true);
    return told;
  }

  test('is heard by the other role alone (R171)', () => {
    expect(heard('acceptor')).toEqual(['newer']);
    expect(heard('dialer')).toEqual(['wanted within 5']);
  });

  test('before the handshake is a breach', () => {
    const side = new Side('acceptor');
    side.receive(encodeToken('early'));
    expect(side.sent()).toEqual(['GOAWAY PROTOCOL']);
  });
});

describe('an open connection', () => {
  let side: Side;
  beforeEach(() => {
    side = new Side('acceptor');
    side.onHello = () => side.welcome();
    side.receive(hello());
    side.sent();
  });

  test('answers PING', () => {
    side.receive(ping, encodePong(new Uint8Array(8)));
    expect(side.sent()).toEqual(['PONG']);
  });

  test('pings when it is the acceptor, and gives a silent peer up', () => {
    side.connection.advance(25_000);
    expect(side.sent()).toEqual(['PING']);
    side.connection.advance(45_000);
    expect(side.calls.at(-1)).toBe('ended CONNECTION_LOST');
  });

  test('any message proves life', () => {
    side.now = 30_000;
    side.receive(ping);
    side.connection.advance(45_000);
    expect(side.connection.isOpen).toBe(true);
  });

  test('passes frames to their stream, ignores those of a closed one, ends on those of none', () => {
    const attachment = new FakeAttachment(1);
    side.onOpen = (id) => side.connection.attach(id, attachment);
    side.receive(encodeOpen(1, OPEN), encodeEndAck(1));
    expect(attachment.received.map(({ type }) => type)).toEqual(['END_ACK']);
    side.connection.release(1, attachment);
    side.receive(encodeEndAck(1));
    expect(side.connection.isOpen).toBe(true);
    side.receive(encodeEndAck(3));
    expect(side.sent()).toEqual(['GOAWAY PROTOCOL']);
  });

  test('tells every attachment once when it ends, and sends GOAWAY and nothing else', () => {
    const attachment = new FakeAttachment(1, 100);
    side.onOpen = (id) => side.connection.attach(id, attachment);
    side.receive(encodeOpen(1, OPEN));
    side.connection.dataReady(attachment);
    side.connection.fail(new TrunklineError('GOING_AWAY'));
    side.connection.fail(new TrunklineError('INTERNAL'));
    side.connection.lost(new TrunklineError('CONNECTION_LOST'));
    side.receive(ping);
    side.connection.send(encodeEndAck(1));
    expect(attachment.detachedWith?.code).toBe('GOING_AWAY');
    expect(side.calls.filter((call) => call.startsWith('ended'))).toEqual(['ended GOING_AWAY']);
    expect(side.sent()).toEqual(['GOAWAY GOING_AWAY']);
    expect(side.connection.hasOutput).toBe(false);
    expect(side.connection.streamCount).toBe(0);
  });

  test('a text message is a breach', () => {
    side.connection.receiveText();
    expect(side.sent()).toEqual(['GOAWAY PROTOCOL']);
  });

  test('frames before a breach in the same message count', () => {
    side.receive(encodeOpen(1, OPEN), Uint8Array.of(0, 0, 0));
    expect(side.calls).toEqual(['hello', 'open 1', 'ended PROTOCOL']);
  });

  test('skips and counts frames of unknown types', () => {
    side.receive(Uint8Array.of(0, 0, 0, 9, 0x7e, 0, 0, 1, 0xff), ping);
    expect(side.connection.unknownFrameCount).toBe(1);
    expect(side.sent()).toEqual(['PONG']);
  });

  test('a defect of ours ends this connection and is not thrown at whoever delivers messages', () => {
    side.onOpen = () => {
      throw new TypeError('a defect');
    };
    side.receive(encodeOpen(1, OPEN));
    expect(side.sent()).toEqual(['GOAWAY INTERNAL']);
  });

  test('a peer that asks for answers and reads none is cut off', () => {
    const many = join(...Array.from({ length: 4097 }, () => ping));
    side.receive(many);
    expect(side.sent().at(-1)).toBe('GOAWAY LIMIT_RATE');
  });
});
