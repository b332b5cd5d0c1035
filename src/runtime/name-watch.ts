import { backoffMs } from '../core/backoff.js';
import { isLost } from '../core/lost.js';
import { TrunklineError, toTrunklineError } from '../protocol/errors.js';
import { isName } from '../protocol/names.js';
import { decodeUtf8 } from '../protocol/utf8.js';
import type { Clock } from './clock.js';
import type { TunnelStream } from './tunnel-stream.js';

/** First all the names that there are, then what comes and goes. */
export type PresenceEvent =
  | { type: 'snapshot'; names: string[] }
  | { type: 'server.created'; name: string }
  | { type: 'server.destroyed'; name: string };

/** What a relay says at once. */
interface Line {
  created: string[];
  destroyed: string[];
  /** Everything that there was when the watch began has been told. */
  isComplete: boolean;
}

/** A relay tells of 64 names in one line. */
const MAX_LINE_BYTES = 64 * 1024;

export interface WatchSource {
  readonly clock: Clock;
  /** Another watch at the relay, over whatever connection there is, or will be. */
  open(): TunnelStream;
}

/**
 * Follows the names at a relay, over as many connections as it takes: what was missed between two of them is made up for by
 * comparing. It ends with the tunnel, by its error.
 */
export async function* watchNames(source: WatchSource, signal: AbortSignal | undefined): AsyncGenerator<PresenceEvent> {
  const known = new Set<string>();
  let hasSnapshot = false;
  for (let failures = 0; ; failures++) {
    const stream = source.open();
    const abort = (): void => void stream.destroy();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      if (signal?.aborted) return;
      const present = new Set<string>();
      let isCaughtUp = false;
      for await (const line of readLines(stream)) {
        failures = 0;
        if (isCaughtUp) yield* toEvents(line, known);
        else if (collect(line, present)) {
          isCaughtUp = true;
          yield* hasSnapshot ? catchUp(known, present) : [snapshot(known, present)];
          hasSnapshot = true;
        }
      }
      throw new TrunklineError('CONNECTION_LOST', 'the relay ended the watch');
    } catch (error) {
      if (signal?.aborted) return;
      if (!isLost(toTrunklineError(error, 'INTERNAL'))) throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
      stream.destroy();
    }
    await pause(source.clock, backoffMs(Math.min(failures, MAX_FAILURES), Math.random));
  }
}

/** From here on the pause grows no longer. */
const MAX_FAILURES = 3;

function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => clock.setTimer(delayMs, resolve));
}

/** Returns true when that was all. */
function collect({ created, destroyed, isComplete }: Line, present: Set<string>): boolean {
  for (const name of created) present.add(name);
  for (const name of destroyed) present.delete(name);
  return isComplete;
}

function snapshot(known: Set<string>, present: Set<string>): PresenceEvent {
  for (const name of present) known.add(name);
  return { type: 'snapshot', names: [...present] };
}

function catchUp(known: Set<string>, present: Set<string>): Iterable<PresenceEvent> {
  const destroyed = [...known].filter((name) => !present.has(name));
  const created = [...present].filter((name) => !known.has(name));
  return toEvents({ created, destroyed, isComplete: false }, known);
}

function* toEvents({ created, destroyed }: Line, known: Set<string>): Iterable<PresenceEvent> {
  for (const name of destroyed) if (known.delete(name)) yield { type: 'server.destroyed', name };
  for (const name of created) {
    if (known.has(name)) continue;
    known.add(name);
    yield { type: 'server.created', name };
  }
}

/** @throws TrunklineError PROTOCOL for what no relay says */
async function* readLines(stream: TunnelStream): AsyncGenerator<Line> {
  let rest: Uint8Array<ArrayBufferLike> = new Uint8Array(0);
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    let bytes = concat(rest, chunk);
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE)) {
      yield parseLine(bytes.subarray(0, end));
      bytes = bytes.subarray(end + 1);
    }
    if (bytes.length > MAX_LINE_BYTES) throw malformed();
    rest = bytes;
  }
}

const NEWLINE = 10;

function concat(left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length === 0) return right;
  const both = new Uint8Array(left.length + right.length);
  both.set(left);
  both.set(right, left.length);
  return both;
}

function parseLine(bytes: Uint8Array): Line {
  try {
    const { created = [], destroyed = [], isComplete = false } = JSON.parse(decodeUtf8(bytes)) as Partial<Line>;
    if (created.every(isName) && destroyed.every(isName))
      return { created, destroyed, isComplete: isComplete === true };
  } catch {
    // said below
  }
  throw malformed();
}

function malformed(): TrunklineError {
  return new TrunklineError('PROTOCOL', 'the relay tells of names in a way that makes no sense');
}
