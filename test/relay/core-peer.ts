import { type RelayOptions, resolveOptions } from '../../relay/options.js';
import { RelayCore } from '../../relay/relay-core.js';
import type { ConnectionCore } from '../../src/core/connection.js';
import { encodeHello, encodeOpen, writeCredit, writeDataHeader, writeEnd } from '../../src/protocol/encode.js';
import type { Frame, Offer, Open, OpenFrame } from '../../src/protocol/frames.js';
import { DEFAULT_LIMITS, type Limits } from '../../src/protocol/limits.js';
import { decodeMessage } from '../support/decode-message.js';
import { takeMessage } from '../support/take-message.js';

let idCount = 0;
export const nextId = (): string => (++idCount).toString(16).padStart(32, '0');

/** An endpoint's secret, by a name for it. */
const secretOf = (endpoint: string): string => Buffer.from(endpoint).toString('hex').padStart(32, '0');
const hash = (secret: string): string => `id of ${secret}`;

/** What the relay tells others of it. */
export const publicId = (endpoint: string): string => hash(secretOf(endpoint));

/** `clock`: what the relay takes for the time. Its claims start at 1000 and rise by one each. */
export function makeRelay(
  options: RelayOptions = {},
  clock = { now: 0 },
): { core: RelayCore; told: string[]; clock: { now: number } } {
  const told: string[] = [];
  let claims = 1000;
  const environment = {
    randomId: nextId,
    hash,
    newClaim: () => claims++,
    now: () => clock.now,
  };
  const core = new RelayCore(resolveOptions(options), nextId(), environment, {
    created: (name) => told.push(`created ${name}`),
    destroyed: (name) => told.push(`destroyed ${name}`),
    tunnelOpened: () => {},
    defectFound: (error) => told.push(`defect ${error.message}`),
  });
  return { core, told, clock };
}

export function dataFrame(id: number, payload: Uint8Array, exhausted = false): Uint8Array {
  const frame = new Uint8Array(8 + payload.length);
  writeDataHeader(frame, 0, id, payload.length, exhausted);
  frame.set(payload, 8);
  return frame;
}

export function creditFrame(id: number, consumed: number, credit: number): Uint8Array {
  const frame = new Uint8Array(24);
  writeCredit(frame, 0, id, consumed, credit);
  return frame;
}

export function endFrame(id: number, finalOffset: number): Uint8Array {
  const frame = new Uint8Array(16);
  writeEnd(frame, 0, id, finalOffset);
  return frame;
}

/** A peer of a relay's core that says frame by frame what it wants, allowed or not. */
export class CorePeer {
  readonly connection: ConnectionCore;
  /** What it was sent in answer to its HELLO. */
  readonly hello: Frame[];
  private nextStreamId = 1;

  constructor(
    readonly relay: RelayCore,
    limits: Partial<Limits> = {},
    /** Changes when a test says so: what is sent is sent at this time. */
    public now = 0,
    endpoint?: string,
  ) {
    this.connection = relay.accept(now);
    const identity = endpoint === undefined ? {} : { endpoint: secretOf(endpoint) };
    this.send(encodeHello({ version: 1, limits: { ...DEFAULT_LIMITS, ...limits }, ...identity }));
    this.hello = this.frames();
  }

  send(...parts: Uint8Array[]): void {
    this.connection.receive(Uint8Array.from(parts.flatMap((part) => [...part])), this.now);
  }

  /** Opens a stream; returns its id. */
  open(target: Open['target'], fields: Partial<Open> = {}, ...behind: ((id: number) => Uint8Array)[]): number {
    const id = this.nextStreamId;
    this.nextStreamId += 2;
    const open = encodeOpen(id, { uid: nextId(), credit: 1_000_000, meta: null, target, ...fields });
    this.send(open, ...behind.map((make) => make(id)));
    return id;
  }

  listen(name: string, { owner, claim = 0 }: { owner?: string; claim?: number } = {}): number {
    return this.open({ kind: 'listen', name, owner, claim });
  }

  /** Asks for a stream at the endpoint with that secret. */
  resume(endpoint: string, fields: Partial<Open> = {}, waitMs = 0): number {
    const resume = { epoch: 1, received: 0, ended: false, proof: 'p' };
    return this.open({ kind: 'resume', endpoint: publicId(endpoint), waitMs }, { resume, ...fields });
  }

  connect(name: string, fields: Partial<Open> = {}, waitMs = 0): number {
    return this.open({ kind: 'connect', name, waitMs }, fields);
  }

  accept(offer: Offer, fields: Partial<Open> = {}, ...behind: ((id: number) => Uint8Array)[]): number {
    return this.open({ kind: 'accept', offerId: offer.id }, { uid: offer.uid, ...fields }, ...behind);
  }

  /** What the relay sends it now. */
  frames(): Frame[] {
    const frames: Frame[] = [];
    for (let message = takeMessage(this.connection); message; message = takeMessage(this.connection))
      frames.push(...decodeMessage(message.slice(), 1024 * 1024).frames);
    return frames;
  }

  /** The same in words. */
  told(): string[] {
    return this.frames().map((frame) => {
      switch (frame.type) {
        case 'GOAWAY':
          return frame.graceMs === undefined
            ? `GOAWAY ${frame.error.code}`
            : `notice ${frame.error.code} ${frame.graceMs}`;
        case 'RESET':
        case 'DETACH':
          return `${frame.type} ${frame.id} ${frame.error.code}`;
        case 'ACCEPT':
          return `ACCEPT ${frame.id} ${frame.accept.credit}`;
        case 'DATA':
          return `DATA ${frame.id} ${frame.payload.length}`;
        case 'CREDIT':
          return `CREDIT ${frame.id} ${frame.consumed} ${frame.credit}`;
        case 'END':
          return `END ${frame.id} ${frame.finalOffset}`;
        default:
          return 'id' in frame ? `${frame.type} ${frame.id}` : frame.type;
      }
    });
  }

  /** The streams that the relay opens here now. */
  opened(): OpenFrame[] {
    return this.frames().filter((frame) => frame.type === 'OPEN');
  }

  offers(): Offer[] {
    return this.frames().flatMap((frame) => (frame.type === 'OFFER' ? [frame.offer] : []));
  }
}
