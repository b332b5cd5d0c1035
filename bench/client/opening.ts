import type { ByteStream, Line } from '../carriers/carrier.js';
import { encodeRequest, REQUEST_BYTES } from '../request.js';
import { ReplyReader } from './reply-reader.js';

const GREETING = Buffer.concat([encodeRequest({ kind: 'echo' }), Buffer.alloc(REQUEST_BYTES, 7)]);

/** Open, one echo, close; then the next. */
export async function openOneByOne(line: Line, { ms }: { ms: number }): Promise<{ count: number; ms: number }> {
  const started = performance.now();
  let count = 0;
  for (; performance.now() - started < ms; count++) await (await openAndEcho(line)).close();
  return { count, ms: performance.now() - started };
}

/** Time until every one of them has had its echo. */
export async function openAtOnce(line: Line, { count }: { count: number }): Promise<{ count: number; ms: number }> {
  const started = performance.now();
  const streams = await Promise.all(Array.from({ length: count }, () => openAndEcho(line)));
  const ms = performance.now() - started;
  await Promise.all(streams.map((stream) => stream.close()));
  return { count, ms };
}

/** Resolves when the far end has answered. */
export async function openAndEcho(line: Line): Promise<ByteStream> {
  const stream = await line.open();
  const replies = new ReplyReader(stream);
  stream.write(GREETING);
  await replies.read(GREETING.length - REQUEST_BYTES);
  return stream;
}
