import { type Duplex, duplexPair } from 'node:stream';
import { afterEach, expect } from 'vitest';
import { ByteStreamConnection, type ByteStreamLike, type ByteStreamOptions } from '../../src/transport/byte-stream.js';
import { Told } from '../node/framed-fixture.js';
import { until } from '../support/until.js';

export const PREFACE_TEXT = 'trunkline.1\n';

/** What a peer that speaks the protocol writes to say this. */
export function onWire(messages: readonly Uint8Array[]): Buffer {
  const parts = messages.flatMap((message) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(message.length);
    return [length, message];
  });
  return Buffer.concat([Buffer.from(PREFACE_TEXT), ...parts]);
}

const opened: { destroy(): unknown }[] = [];

export function destroyAfterEach(): void {
  afterEach(() => {
    for (const stream of opened.splice(0)) stream.destroy();
  });
}

export function track<T extends { destroy(): unknown }>(stream: T): T {
  opened.push(stream);
  return stream;
}

export function startOn(stream: ByteStreamLike, options?: ByteStreamOptions) {
  const told = new Told();
  const connection = new ByteStreamConnection(track(stream), options);
  connection.start(told);
  return { told, connection };
}

/** Our end, and the bare other end of a pair in memory. */
export function startOnPair(options?: ByteStreamOptions) {
  const [stream, peer] = duplexPair() as [Duplex, Duplex];
  track(peer).on('error', () => {});
  return { ...startOn(stream, options), stream, peer };
}

/** All that has come out of a stream so far. */
export function gather(stream: Duplex): { bytes: () => Buffer } {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return { bytes: () => Buffer.concat(chunks) };
}

/** Told once, with nothing behind it. */
export async function endOf(told: Told): Promise<Error> {
  await until(() => told.ends.length > 0, 'closed');
  // What could still come has come.
  await new Promise((resolve) => setImmediate(resolve));
  expect([told.ends.length, told.breaches]).toEqual([1, []]);
  expect(told.ends[0]!.code).toBe('CONNECTION_LOST');
  return told.ends[0]!;
}
