import type { ConnectionCore } from '../../src/core/connection.js';
import type { StreamEvent } from '../../src/core/stream.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import { takeMessage } from '../support/take-message.js';
import type { Command } from './vectors.js';
import { readMessage, type WireFrame } from './wire.js';

/** What a vector acts on: connections by name, a clock that stands still, and what comes out. */
export interface Subject {
  connect(name: string): void;
  connection(name: string): ConnectionCore;
  advance(ms: number): void;
  /** Does what is due now: what a driver does after each step. */
  settle(): void;
  command(command: Command): void;
  readonly now: number;
  /** What happened to the streams since the last call. */
  takeEvents(): ({ stream: string } & StreamEvent)[];
  expectNothingLeft(): void;
}

/** The name of the only connection, where there is only one. */
export const ONLY = 'only';

export function takeFrames(connection: ConnectionCore): WireFrame[] {
  const frames: WireFrame[] = [];
  for (let message = takeMessage(connection); message !== undefined; message = takeMessage(connection))
    frames.push(...readMessage(message));
  return frames;
}

let idCount = 0;
export const nextId = (): string => (++idCount).toString(16).padStart(32, '0');

export const vectorIsOver = (): TrunklineError => new TrunklineError('CONNECTION_LOST', 'the vector is over');

export function found<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new RangeError(`nothing is called ${name}`);
  return value;
}
