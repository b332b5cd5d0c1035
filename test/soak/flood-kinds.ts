import { randomBytes } from 'node:crypto';
import { type Attacker, webSocketHeader } from '../support/attacker.js';
import { frame, offsets, open, Type } from '../support/raw-peer.js';

/** What an attacker can find out beforehand. */
export interface FloodTarget {
  url: string;
  /** A name that is held by somebody honest, who refuses everybody. */
  victimName: string;
  /** One that is held by somebody who writes to every client without end. */
  sourceName: string;
  /** The public id of an honest endpoint. */
  endpoint: string;
}

/** Frames of one flood over one connection. */
export interface Flood {
  /** The next frames, to be sent in one message; undefined: nothing but to stay. */
  nextFrames(): Uint8Array[] | undefined;
}

export interface FloodKind {
  name: string;
  /** At once. Each comes back soon after it was cut. */
  connections: number;
  /** How a connection that does this has to end, if it has to at all. */
  cutBy: readonly string[];
  /** Its budget: so many units of a flood (messages hold `BATCH` of them) are allowed at once. */
  burst?: number;
  /** What it may do before that, milliseconds, because the limit is a time. */
  graceMs?: number;
  /** How far the connection goes before the flood. */
  stage: 'upgrade' | 'handshake';
  /** Hangs up and comes back as soon as it is let in. */
  isHelloFlood?: boolean;
  begin(attacker: Attacker, target: FloodTarget): Flood | Promise<Flood>;
}

export const BATCH = 128;
const LIMIT_RATE = ['LIMIT_RATE'];

const repeat = (make: () => Uint8Array[]): Flood => ({
  nextFrames: () => Array.from({ length: BATCH }, make).flat(),
});
const always = (message: Uint8Array[]): Flood => ({ nextFrames: () => message });
const STAY: Flood = { nextFrames: () => undefined };

/** OPENs by the thousand: all alike, but for id and uid. */
function openStamp(target: object, fields: object = {}): (id: number) => Buffer {
  const stamp = open(0, target, { ...fields, uid: 'f'.repeat(32) });
  const uidAt = stamp.indexOf('f'.repeat(32));
  return (id) => {
    const copy = Buffer.from(stamp);
    copy.writeUInt32BE(id, 0);
    copy.write(id.toString(16).padStart(32, '0'), uidAt, 'latin1');
    return copy;
  };
}

const [BINARY_PART, CONTINUATION_PART, WEBSOCKET_PING] = [0x02, 0x00, 0x89];

/** Frames of the WebSocket itself, in no message. */
function webSocketFrames(attacker: Attacker, firstByte: number): Flood {
  attacker.pack = (...frames) => Buffer.concat(frames);
  return always(Array.from({ length: BATCH }, () => webSocketHeader(firstByte, 0)));
}

const anyName = (): string => `n-${randomBytes(8).toString('hex')}`;

/** Listens, connects to that and accepts: a stream with both ends in the attacker's hands. */
async function ownStream(attacker: Attacker): Promise<{ client: number; server: number }> {
  const name = anyName();
  attacker.open({ kind: 'listen', name });
  await attacker.next(Type.ACCEPT);
  const client = attacker.open({ kind: 'connect', name });
  const { id: offerId, uid } = await attacker.nextPayload(Type.OFFER);
  const server = attacker.open({ kind: 'accept', offerId }, { uid });
  await attacker.next(Type.ACCEPT);
  return { client, server };
}

export const FLOODS: readonly FloodKind[] = [
  {
    name: 'opens of names that nobody holds',
    connections: 4,
    cutBy: LIMIT_RATE,
    burst: 2000,
    stage: 'handshake',
    begin: (attacker) => {
      const stamp = openStamp({ kind: 'connect', name: 'NOBODY' });
      return repeat(() => [stamp(attacker.takeId())]);
    },
  },
  {
    name: 'opens that are reset at once',
    connections: 4,
    cutBy: LIMIT_RATE,
    burst: 1000,
    stage: 'handshake',
    begin: (attacker) => {
      const stamp = openStamp({ kind: 'connect', name: 'NOBODY', waitMs: 60_000 });
      return repeat(() => {
        const id = attacker.takeId();
        return [stamp(id), frame(id, Type.RESET, { code: 'CANCELED' })];
      });
    },
  },
  {
    name: 'pings',
    connections: 4,
    cutBy: LIMIT_RATE,
    burst: 1000,
    stage: 'handshake',
    begin: () => always(Array.from({ length: BATCH }, () => frame(0, Type.PING, Buffer.alloc(8)))),
  },
  {
    name: 'DATA without a byte',
    connections: 4,
    cutBy: LIMIT_RATE,
    burst: 20_000,
    stage: 'handshake',
    begin: async (attacker) => {
      const { client } = await ownStream(attacker);
      return always(Array.from({ length: BATCH }, () => frame(client, Type.DATA)));
    },
  },
  {
    name: 'credits of a byte each',
    connections: 4,
    cutBy: LIMIT_RATE,
    burst: 20_000,
    stage: 'handshake',
    begin: async (attacker) => {
      const { client } = await ownStream(attacker);
      let credit = 1_000_000;
      return repeat(() => [frame(client, Type.CREDIT, offsets(0, ++credit))]);
    },
  },
  {
    name: "connects to a victim's name",
    connections: 8,
    cutBy: LIMIT_RATE,
    burst: 2000,
    stage: 'handshake',
    begin: (attacker, { victimName }) => {
      const stamp = openStamp({ kind: 'connect', name: victimName, waitMs: 60_000 });
      return repeat(() => [stamp(attacker.takeId())]);
    },
  },
  {
    name: 'listens on random names',
    connections: 4,
    cutBy: LIMIT_RATE,
    burst: 1000,
    stage: 'handshake',
    begin: (attacker) =>
      repeat(() => {
        const id = attacker.takeId();
        return [open(id, { kind: 'listen', name: anyName() }), frame(id, Type.RESET, { code: 'CANCELED' })];
      }),
  },
  {
    name: 'HELLO after HELLO',
    connections: 16,
    cutBy: [],
    stage: 'handshake',
    isHelloFlood: true,
    begin: () => STAY,
  },
  {
    name: 'half-open sockets',
    connections: 300,
    cutBy: ['HANDSHAKE_TIMEOUT', 'HTTP 503'],
    graceMs: 1000,
    stage: 'upgrade',
    begin: () => STAY,
  },
  {
    name: 'many streams, and nothing read',
    connections: 4,
    cutBy: [],
    stage: 'handshake',
    begin: async (attacker, { sourceName }) => {
      for (let count = 0; count < 30; count++)
        attacker.open({ kind: 'connect', name: sourceName }, { credit: 2 ** 40 });
      for (let count = 0; count < 30; count++) await attacker.next(Type.ACCEPT);
      attacker.stopReading();
      return STAY;
    },
  },
  {
    name: 'a listener that never accepts, and its clients',
    connections: 8,
    cutBy: [],
    stage: 'handshake',
    begin: (attacker) => {
      const name = anyName();
      attacker.open({ kind: 'listen', name });
      const meta = 'x'.repeat(8000);
      let left = 200;
      return {
        nextFrames: () =>
          left-- > 0 ? [open(attacker.takeId(), { kind: 'connect', name, waitMs: 60_000 }, { meta })] : undefined,
      };
    },
  },
  {
    name: 're-opens with wrong proofs',
    connections: 4,
    cutBy: LIMIT_RATE,
    burst: 2000,
    stage: 'handshake',
    begin: (attacker, { endpoint }) => {
      const resume = { epoch: 1, received: 0, ended: false, proof: randomBytes(16).toString('hex') };
      const stamp = openStamp({ kind: 'resume', endpoint, waitMs: 0 }, { resume });
      return repeat(() => [stamp(attacker.takeId())]);
    },
  },
  {
    name: 'WebSocket pings',
    connections: 4,
    // A WebSocket that fails has no word of the protocol to say.
    cutBy: ['closed'],
    burst: 1000,
    stage: 'handshake',
    begin: (attacker) => webSocketFrames(attacker, WEBSOCKET_PING),
  },
  {
    name: 'empty fragments',
    connections: 4,
    cutBy: ['closed'],
    burst: 1000,
    stage: 'handshake',
    begin: (attacker) => {
      attacker.sendBytes(webSocketHeader(BINARY_PART, 0));
      return webSocketFrames(attacker, CONTINUATION_PART);
    },
  },
];
