import { createHmac } from 'node:crypto';
import { expect } from 'vitest';
import { TrunklineError } from '../../src/protocol/errors.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';
import { decodeMessage } from '../support/decode-message.js';
import { takeMessage } from '../support/take-message.js';
import { type Bound, expectFrames, project, resolve } from './match.js';
import { ONLY, type Subject, takeFrames } from './subject.js';
import { createSubject } from './subjects.js';
import { type EventPattern, parseBytes, type Step, type Vector, type VectorFile } from './vectors.js';
import { readMessage, type WireFrame } from './wire.js';

export function runVector(vector: Vector, file: VectorFile): void {
  if (vector.role === 'decoder') runDecoder(vector);
  else new Run(vector, file).run();
}

/** The decoder alone: bytes in, frames and perhaps an error out. */
function runDecoder(vector: Vector): void {
  const maxFrameBytes = vector.configure?.limits?.maxFrameBytes ?? DEFAULT_LIMITS.maxFrameBytes;
  for (const step of vector.steps) {
    if (!('send' in step)) throw new RangeError('a decoder is only sent bytes');
    const bound: Bound = new Map();
    const { frames, error } = decodeMessage(parseBytes(step.send, bound), maxFrameBytes);
    expect(error?.code).toBe(step.error);
    const wanted = step.decoded ?? [];
    expect(frames.map((frame, index) => project(neutral(frame), wanted[index], bound))).toEqual(wanted);
  }
}

const JSON_KEYS = ['hello', 'welcome', 'error', 'open', 'accept', 'offer', 'refuse'];

/** A decoded frame in the words of vectors.json. */
function neutral(frame: object): object {
  return Object.fromEntries(
    Object.entries<unknown>({ id: 0, ...frame }).map(([key, value]) => [
      JSON_KEYS.includes(key) ? 'json' : key,
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
    ]),
  );
}

class Run {
  private readonly subject: Subject;
  private readonly bound: Bound = new Map();
  private readonly outboxes = new Map<string, WireFrame[]>();

  constructor(
    private readonly vector: Vector,
    private readonly file: VectorFile,
  ) {
    if (vector.role === 'decoder') throw new RangeError('a decoder has no connection');
    this.subject = createSubject(vector.role, vector.configure);
    if (vector.role === 'acceptor' || vector.role === 'dialer') this.outboxes.set(ONLY, []);
  }

  run(): void {
    this.collect();
    for (const step of this.vector.steps) {
      this.step(step);
      this.collect();
    }
    for (const [name, left] of this.outboxes) expect(left, `frames that nobody expected, to ${name}`).toEqual([]);
    this.subject.expectNothingLeft();
  }

  private step(step: Step): void {
    const on = step.on ?? ONLY;
    if ('send' in step) this.send(on, step.send, step.frames);
    else if ('sendText' in step) this.subject.connection(on).receiveText();
    else if ('expect' in step) expectFrames(this.takeOutbox(on), step.expect, this.bound);
    else if ('handshake' in step) this.handshake(step.handshake, step.endpoint);
    else if ('connection' in step) this.connect(step.connection);
    else if ('proof' in step) this.prove(step);
    else if ('lose' in step) this.subject.connection(step.lose).lost(new TrunklineError('CONNECTION_LOST', 'cut'));
    else if ('advance' in step) this.subject.advance(step.advance);
    else if ('ended' in step) this.expectEnded(on, step.ended);
    else if ('events' in step) this.expectEvents(step.events);
    else this.subject.command(step);
  }

  private connect(name: string): void {
    this.subject.connect(name);
    this.outboxes.set(name, []);
  }

  private handshake(name: string, endpoint: string | undefined): void {
    if (this.vector.role === 'dialer') {
      if (!this.outboxes.has(name)) this.connect(name);
      this.collect();
      expectFrames(this.takeOutbox(name), [{ type: 'HELLO', id: 0 }], this.bound);
      return this.send(name, this.file.welcome);
    }
    if (this.vector.role !== 'acceptor') this.connect(name);
    if (endpoint !== undefined) this.bound.set('$endpoint', endpoint);
    this.send(name, endpoint === undefined ? this.file.hello : this.file.helloAs);
    this.collect();
    expectFrames(this.takeOutbox(name), [{ type: 'WELCOME', id: 0 }], this.bound);
  }

  /** As section 13 says it, and not as the code does it. */
  private prove({ proof, key, statement }: { proof: string; key: string; statement: string }): void {
    const said = statement.split(' ').map((word) => resolve(word, this.bound));
    const hash = createHmac('sha256', String(resolve(key, this.bound))).update(said.join(' '));
    this.bound.set(proof, hash.digest('hex').slice(0, 32));
  }

  private send(on: string, hex: string[], frames?: WireFrame[]): void {
    const message = parseBytes(hex, this.bound);
    // The bytes say what the vector claims that they say.
    const said = frames && readMessage(message).map((frame, index) => project(frame, frames[index], this.bound));
    expect(said).toEqual(frames?.map((frame) => resolve(frame, this.bound)));
    this.subject.connection(on).receive(message, this.subject.now);
  }

  private expectEnded(on: string, code: string): void {
    const connection = this.subject.connection(on);
    expect(connection.endReason?.code).toBe(code);
    expect(takeMessage(connection)).toBeUndefined();
  }

  private expectEvents(patterns: EventPattern[]): void {
    const events = this.subject.takeEvents().map(neutralEvent);
    expect(events.map((event, index) => project(event, patterns[index], this.bound))).toEqual(
      patterns.map((pattern) => resolve(pattern, this.bound)),
    );
  }

  private takeOutbox(name: string): WireFrame[] {
    const frames = this.outboxes.get(name);
    if (frames === undefined) throw new RangeError(`no connection is called ${name}`);
    this.outboxes.set(name, []);
    return frames;
  }

  /** What one connection sends may make another one due, so until nothing comes any more. */
  private collect(): void {
    for (let found = true; found; ) {
      this.subject.settle();
      found = false;
      for (const [name, outbox] of this.outboxes) {
        const frames = takeFrames(this.subject.connection(name));
        outbox.push(...frames);
        found ||= frames.length > 0;
      }
    }
  }
}

function neutralEvent(event: object): object {
  const { bytes, error, offer, ...rest } = event as {
    bytes?: Uint8Array;
    error?: { code: string; message: string; retryable: boolean; appCode?: string };
    offer?: object;
  };
  return {
    ...rest,
    ...(bytes ? { payload: Buffer.from(bytes).toString('hex') } : {}),
    ...(error
      ? { error: { code: error.code, reason: error.message, retryable: error.retryable, appCode: error.appCode } }
      : {}),
    ...(offer ? { offer } : {}),
  };
}
