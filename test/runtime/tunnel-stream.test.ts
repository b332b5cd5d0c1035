import { once } from 'node:events';
import { addAbortSignal, Duplex, PassThrough, Readable, Transform, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { StreamClient, TrunklineError, type TunnelStream } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { readSeeded, SeededChecker, seededBytes, seededSha256, writeSeeded } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

async function pair(options: { meta?: unknown; listenerMeta?: unknown } = {}) {
  const fixture = await startRelay();
  return { fixture, ...(await fixture.pair('PAIR', options)) };
}

/** Ends what is still open, and waits until both ends agree that it is over. */
async function finish(...streams: TunnelStream[]): Promise<void> {
  for (const stream of streams) {
    stream.resume();
    stream.end();
  }
  await Promise.all(streams.map((stream) => finished(stream)));
}

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return Buffer.concat(chunks).toString();
}

async function errorOf(stream: TunnelStream): Promise<TrunklineError> {
  const [error] = (await once(stream, 'error')) as [TrunklineError];
  return error;
}

function record(stream: TunnelStream): string[] {
  const events: string[] = [];
  for (const event of ['open', 'finish', 'end', 'error', 'close']) stream.on(event, () => events.push(event));
  return events;
}

/** A source of seeded bytes at its own pace. */
function seededSource(seed: number, length: number): Readable {
  let offset = 0;
  return new Readable({
    read(size) {
      const count = Math.min(size, length - offset);
      this.push(count === 0 ? null : seededBytes(seed, offset, count));
      offset += count;
    },
  });
}

function checkingSink(seed: number): { sink: Writable; checker: SeededChecker } {
  const checker = new SeededChecker(seed);
  const sink = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      checker.check(chunk);
      setImmediate(callback);
    },
  });
  return { sink, checker };
}

const MIB = 1024 * 1024;

describe('identity', () => {
  it('has one uid and one name at both ends, and shows each the meta of the other', async () => {
    const meta = { who: 'client', list: [1, 'zwei', null, true, { deep: 'ü€😀' }] };
    const { client, server } = await pair({ meta, listenerMeta: ['listener', 2.5] });
    expect(client.uid).toMatch(/^[0-9a-f]{32}$/);
    expect(server.uid).toBe(client.uid);
    expect([client.name, server.name]).toEqual(['PAIR', 'PAIR']);
    expect(server.meta).toEqual(meta);
    expect(client.meta).toEqual(['listener', 2.5]);
    expect(client).toBeInstanceOf(Duplex);
    await finish(client, server);
  });

  it("tells of opening by 'open' and by `opened`, and has no meta before", async () => {
    const fixture = await startRelay();
    const accepted: TunnelStream[] = [];
    await fixture.listen('OPENS', (stream) => accepted.push(stream), { meta: 'listener' });
    const client = StreamClient(fixture.dial()).connect('OPENS');
    expect(client.meta).toBeNull();
    const events = record(client);
    await client.opened;
    await until(() => accepted.length === 1, 'the stream at the listener');
    expect(events).toEqual(['open']);
    expect(client.meta).toBe('listener');
    await accepted[0]!.opened;
    expect(accepted[0]!.meta).toBeNull();
    await finish(client, accepted[0]!);
  });

  it('has different uids for different streams', async () => {
    const { fixture, client, server } = await pair();
    const other = await fixture.pair('OTHER');
    expect(other.client.uid).not.toBe(client.uid);
    await finish(client, server, other.client, other.server);
  });
});

describe('writing', () => {
  it('calls back in the order of the writes, and all before finish', async () => {
    const { client, server } = await pair();
    const order: string[] = [];
    for (let index = 0; index < 20; index++)
      client.write(seededBytes(1, index * 1000, 1000), () => order.push(`${index}`));
    client.end(() => order.push('end'));
    client.on('finish', () => order.push('finish'));
    const received = await readSeeded(server, 1);
    await finish(client, server);
    expect(received.bytes).toBe(20_000);
    expect(order.slice(0, 20)).toEqual(Array.from({ length: 20 }, (_, index) => `${index}`));
    expect(order.slice(20).sort()).toEqual(['end', 'finish']);
  });

  it('leaves a buffer to its owner once the write has called back', async () => {
    const { client, server } = await pair();
    const buffer = Buffer.alloc(1000);
    const received = readSeeded(server, 2);
    for (let index = 0; index < 50; index++) {
      seededBytes(2, index * 1000, 1000).copy(buffer);
      await new Promise<void>((resolve) => client.write(buffer, () => resolve()));
      buffer.fill(0xee);
    }
    client.end();
    expect((await received).bytes).toBe(50_000);
    await finish(client, server);
  });

  it('takes strings in any encoding', async () => {
    const { client, server } = await pair();
    client.write('größe ');
    client.write('68656c6c6f20', 'hex');
    client.write('d29ybGQ=', 'base64');
    client.end('\xff', 'latin1');
    const chunks: Buffer[] = [];
    server.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(server, 'end');
    const expected = Buffer.concat([Buffer.from('größe hello world'), Buffer.from([0xff])]);
    expect(Buffer.concat(chunks).equals(expected)).toBe(true);
    await finish(client, server);
  });

  it('takes empty writes, and an end without any byte', async () => {
    const { client, server } = await pair();
    const seen: string[] = [];
    client.write(Buffer.alloc(0), () => seen.push('empty'));
    client.write('');
    client.write(new Uint8Array(0));
    client.end();
    expect(await textOf(server)).toBe('');
    await finish(client, server);
    expect(seen).toEqual(['empty']);
  });

  it('holds what is written while corked, and sends it all at uncork', async () => {
    const { fixture, client, server } = await pair();
    const echo = await fixture.pair('ECHO');
    echo.server.pipe(echo.server);
    const received: Buffer[] = [];
    server.on('data', (chunk: Buffer) => received.push(chunk));
    client.cork();
    for (const word of ['one ', 'two ', 'three']) client.write(word);
    echo.client.write('?');
    await once(echo.client, 'data');
    expect(received).toEqual([]);
    expect(client.writableLength).toBe(13);
    client.uncork();
    await until(() => Buffer.concat(received).toString() === 'one two three', 'the corked words');
    await finish(client, server, echo.client);
  });

  it('says false past the highWaterMark of the tunnel, and drains', async () => {
    const fixture = await startRelay();
    const { client, server } = await fixture.pair('PAIR', { client: fixture.dial({ highWaterMarkBytes: 1000 }) });
    expect(client.writableHighWaterMark).toBe(1000);
    expect(client.readableHighWaterMark).toBe(1000);
    expect(server.writableHighWaterMark).toBe(64 * 1024);
    expect(client.write(Buffer.alloc(999))).toBe(true);
    expect(client.write(Buffer.alloc(1))).toBe(false);
    await once(client, 'drain');
    await finish(client, server);
  });

  it('after end is ERR_STREAM_WRITE_AFTER_END, told to the write and to error', async () => {
    const { client, server } = await pair();
    server.resume();
    server.on('error', () => {});
    client.end();
    const failed = errorOf(client);
    const told = new Promise<Error | null | undefined>((resolve) => client.write('late', resolve));
    expect(await told).toMatchObject({ code: 'ERR_STREAM_WRITE_AFTER_END' });
    expect(await failed).toMatchObject({ code: 'ERR_STREAM_WRITE_AFTER_END' });
    await until(() => server.closed, 'the other side to close');
  });

  it('calls back with an error when the stream is destroyed meanwhile, and after', async () => {
    const { client, server } = await pair();
    server.on('error', () => {});
    client.on('error', () => {});
    const reason = new Error('given up');
    const waiting = new Promise<Error | null | undefined>((resolve) => client.write(Buffer.alloc(MIB), resolve));
    const queued = new Promise<Error | null | undefined>((resolve) => client.write('more', resolve));
    client.destroy(reason);
    expect(await waiting).toBe(reason);
    expect(await queued).toBeInstanceOf(Error);
    const late = new Promise<Error | null | undefined>((resolve) => client.write('late', resolve));
    expect(await late).toMatchObject({ code: 'ERR_STREAM_DESTROYED' });
    await until(() => server.closed, 'the other side to close');
  });
});

describe('reading', () => {
  it('decodes characters that writes have cut apart', async () => {
    const { client, server } = await pair();
    server.setEncoding('utf8');
    const text = 'ä€😀'.repeat(5000);
    const bytes = Buffer.from(text);
    let received = '';
    server.on('data', (chunk: string) => {
      received += chunk;
    });
    for (let at = 0; at < bytes.length; at += 1001) client.write(bytes.subarray(at, at + 1001));
    client.end();
    await once(server, 'end');
    expect(received).toBe(text);
    await finish(client, server);
  });

  it('gives exact counts by read(n), and takes bytes back by unshift', async () => {
    const { client, server } = await pair();
    client.end(seededBytes(3, 0, 100_000));
    const checker = new SeededChecker(3);
    let turn = 0;
    server.on('readable', () => {
      for (;;) {
        const chunk = server.read(Math.min(777, 100_000 - checker.bytes)) as Buffer | null;
        if (chunk === null) return;
        if (++turn % 10 === 0) server.unshift(chunk);
        else checker.check(chunk);
      }
    });
    await once(server, 'end');
    expect(checker.bytes).toBe(100_000);
    await finish(client, server);
  });

  it('stops at pause and goes on at resume, losing nothing', async () => {
    const { client, server } = await pair();
    const checker = new SeededChecker(4);
    server.on('data', (chunk: Buffer) => {
      checker.check(chunk);
      server.pause();
      setImmediate(() => server.resume());
    });
    await Promise.all([writeSeeded(client, 4, 3 * MIB), once(server, 'end')]);
    expect(checker.bytes).toBe(3 * MIB);
    await finish(client, server);
  });

  it('iterates to the end', async () => {
    const { client, server } = await pair();
    const checker = new SeededChecker(5);
    void writeSeeded(client, 5, MIB);
    server.end();
    client.resume();
    for await (const chunk of server) checker.check(chunk as Buffer);
    expect(checker.bytes).toBe(MIB);
    await finish(client);
  });

  it('ends an iteration with the error of the other side', async () => {
    const { client, server } = await pair();
    client.on('error', () => {});
    client.write('some');
    let bytes = 0;
    const iteration = (async () => {
      for await (const chunk of server) {
        bytes += (chunk as Buffer).length;
        client.destroy(new Error('broke in the middle'));
      }
    })();
    await expect(iteration).rejects.toMatchObject({ code: 'CANCELED', message: 'broke in the middle' });
    expect(bytes).toBe(4);
  });

  it('is destroyed by leaving an iteration, which cancels it at the other side', async () => {
    const { client, server } = await pair();
    client.write('some');
    const failed = errorOf(client);
    for await (const _chunk of server) break;
    expect(server.destroyed).toBe(true);
    expect(await failed).toMatchObject({ code: 'CANCELED' });
  });
});

describe('pipe and pipeline', () => {
  it('pipes in and out', async () => {
    const { client, server } = await pair();
    const { sink, checker } = checkingSink(6);
    server.pipe(sink);
    server.end();
    client.resume();
    seededSource(6, MIB).pipe(client);
    await finished(sink);
    expect(checker.bytes).toBe(MIB);
    await finished(client);
  });

  it('pipelines through an echo, with a slow sink', async () => {
    const { client, server } = await pair();
    const { sink, checker } = checkingSink(7);
    const echo = pipeline(
      server,
      new Transform({ transform: (chunk, _encoding, callback) => callback(null, chunk) }),
      server,
    );
    await Promise.all([pipeline(seededSource(7, 2 * MIB), client, sink), echo]);
    expect(checker.bytes).toBe(2 * MIB);
    expect(checker.sha256()).toBe(seededSha256(7, 2 * MIB));
  });

  it('passes the error of a source on to the other side', async () => {
    const { client, server } = await pair();
    const failed = errorOf(server);
    const source = new Readable({
      read() {
        this.destroy(Object.assign(new Error('the disk broke'), { code: 'EIO' }));
      },
    });
    await expect(pipeline(source, client)).rejects.toThrow('the disk broke');
    expect(await failed).toMatchObject({ code: 'CANCELED', message: 'the disk broke', appCode: 'EIO' });
  });

  it('rejects a pipeline on either side of a stream that the other end destroyed', async () => {
    const { client, server } = await pair();
    const sink = new PassThrough().resume();
    const both = Promise.allSettled([pipeline(seededSource(8, 50 * MIB), client), pipeline(client, sink)]);
    server.destroy(new TrunklineError('FORBIDDEN', 'not for you', { appCode: 'E7' }));
    for (const result of await both) {
      expect(result).toMatchObject({ reason: { code: 'FORBIDDEN', message: 'not for you', appCode: 'E7' } });
    }
    expect(sink.destroyed).toBe(true);
  });

  it('destroys a source that pipes into a stream which breaks', async () => {
    const { client, server } = await pair();
    const source = seededSource(9, 50 * MIB);
    const done = pipeline(source, client);
    server.once('data', () => server.destroy());
    await expect(done).rejects.toMatchObject({ code: 'CANCELED' });
    expect(source.destroyed).toBe(true);
  });

  it('becomes a WHATWG pair', async () => {
    const { client, server } = await pair();
    const { readable, writable } = Duplex.toWeb(client);
    server.pipe(server);
    const writer = writable.getWriter();
    await writer.write(Buffer.from('through the web'));
    void writer.close();
    let text = '';
    for await (const chunk of readable) text += Buffer.from(chunk as Uint8Array).toString();
    expect(text).toBe('through the web');
  });
});

describe('the end', () => {
  it('closes each direction by itself: the reply still flows, and finish, end and close come in order', async () => {
    const { client, server } = await pair();
    const events = record(client);
    client.end('question');
    expect(await textOf(server)).toBe('question');
    await until(() => events.includes('finish'), 'the question to be delivered');
    expect(client.readable).toBe(true);
    server.end('answer');
    expect(await textOf(client)).toBe('answer');
    await finished(client);
    expect(events).toEqual(['finish', 'end', 'close']);
    await finished(server);
  });

  it('resolves finished() once both directions are done', async () => {
    const { client, server } = await pair();
    const both = Promise.all([finished(client), finished(server)]);
    client.end('a');
    server.end('b');
    client.resume();
    server.resume();
    await both;
    expect([client.closed, server.closed, client.errored, server.errored]).toEqual([true, true, null, null]);
  });

  it('does not end before what has come is read', async () => {
    const { client, server } = await pair();
    const events = record(server);
    client.end('unread');
    client.resume();
    server.end();
    await until(() => client.writableFinished, 'delivery');
    expect(events).not.toContain('end');
    expect(await textOf(server)).toBe('unread');
    await finished(server);
    expect(events).toEqual(['finish', 'end', 'close']);
  });

  it('delivers everything that was written before end, however much', async () => {
    const { client, server } = await pair();
    const events = record(client);
    client.resume();
    client.end(seededBytes(10, 0, 3 * MIB));
    server.end();
    expect((await readSeeded(server, 10)).bytes).toBe(3 * MIB);
    await finished(client);
    expect(events).toEqual(['end', 'finish', 'close']);
  });
});

describe('destroy', () => {
  it('with an error: the other side gets its message, and its code as appCode', async () => {
    const { client, server } = await pair();
    const own = Object.assign(new Error('wrong checksum'), { code: 'ECHECKSUM' });
    const [events, otherEvents] = [record(client), record(server)];
    const [mine, theirs] = [errorOf(client), errorOf(server)];
    client.destroy(own);
    expect(await mine).toBe(own);
    const error = await theirs;
    expect(error).toBeInstanceOf(TrunklineError);
    expect(error).toMatchObject({
      code: 'CANCELED',
      message: 'wrong checksum',
      appCode: 'ECHECKSUM',
      retryable: false,
    });
    await until(() => client.closed && server.closed, 'both to close');
    expect(events).toEqual(['error', 'close']);
    expect(otherEvents).toEqual(['error', 'close']);
  });

  it('with a TrunklineError: the other side gets code, message, appCode, retryable and retryAfterMs', async () => {
    const { client, server } = await pair();
    client.on('error', () => {});
    const theirs = errorOf(server);
    client.destroy(
      new TrunklineError('LIMIT_RATE', 'slower', { appCode: 'QUOTA', retryable: false, retryAfterMs: 1500 }),
    );
    expect(await theirs).toMatchObject({
      code: 'LIMIT_RATE',
      message: 'slower',
      appCode: 'QUOTA',
      retryable: false,
      retryAfterMs: 1500,
    });
  });

  it('without an error: CANCELED at the other side, no error here', async () => {
    const { client, server } = await pair();
    const events = record(server);
    const theirs = errorOf(client);
    server.destroy();
    expect(await theirs).toMatchObject({ code: 'CANCELED' });
    await until(() => server.closed, 'close');
    expect(events).toEqual(['close']);
  });

  it('breaks a half-closed stream too, with no false end or finish', async () => {
    const { client, server } = await pair();
    const events = record(client);
    client.end('request');
    expect(await textOf(server)).toBe('request');
    await until(() => events.includes('finish'), 'delivery');
    const theirs = errorOf(client);
    server.write('half of the rep');
    server.destroy(new Error('crashed'));
    await theirs;
    await until(() => client.closed, 'close');
    expect(events).toEqual(['finish', 'error', 'close']);
  });

  it('before opening: the listener never sees the stream, `opened` rejects', async () => {
    const fixture = await startRelay();
    const seen: TunnelStream[] = [];
    await fixture.listen('EARLY', (stream) => seen.push(stream));
    const stream = StreamClient(fixture.dial()).connect('EARLY');
    const opened = expect(stream.opened).rejects.toMatchObject({ code: 'CANCELED' });
    stream.destroy();
    await opened;
    const later = await fixture.pair('LATER');
    expect(seen).toEqual([]);
    await finish(later.client, later.server);
  });

  it('does nothing to a stream that is over', async () => {
    const { client, server } = await pair();
    await finish(client, server);
    const events = record(client);
    client.destroy(new Error('too late'));
    server.destroy(new Error('too late'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(events).toEqual([]);
  });
});

describe('AbortSignal', () => {
  async function connectWith(signal: AbortSignal) {
    const fixture = await startRelay();
    const seen: TunnelStream[] = [];
    const listener = await fixture.listen('ABORTED', (stream) => {
      stream.on('error', () => {});
      seen.push(stream);
    });
    const stream = StreamClient(fixture.dial()).connect('ABORTED', { signal });
    return { fixture, seen, stream, listener };
  }

  it('aborted before the connect: CANCELED with the reason as cause, the listener sees nothing', async () => {
    const reason = new Error('changed my mind');
    const { seen, stream, fixture } = await connectWith(AbortSignal.abort(reason));
    expect(await errorOf(stream)).toMatchObject({ code: 'CANCELED', cause: reason });
    const later = await fixture.pair('LATER');
    expect(seen).toEqual([]);
    await finish(later.client, later.server);
  });

  it('aborted while it opens', async () => {
    const controller = new AbortController();
    const { stream } = await connectWith(controller.signal);
    const opened = expect(stream.opened).rejects.toMatchObject({ code: 'CANCELED' });
    const failed = errorOf(stream);
    controller.abort();
    expect(await failed).toMatchObject({ code: 'CANCELED' });
    await opened;
  });

  it('aborted after it opened: both ends learn', async () => {
    const controller = new AbortController();
    const { stream, seen } = await connectWith(controller.signal);
    await stream.opened;
    await until(() => seen.length === 1, 'the stream at the listener');
    const theirs = errorOf(seen[0]!);
    const failed = errorOf(stream);
    controller.abort();
    expect(await failed).toMatchObject({ code: 'CANCELED' });
    expect(await theirs).toMatchObject({ code: 'CANCELED' });
  });

  it('aborted after it is over: nothing, and no listener is left on the signal', async () => {
    const controller = new AbortController();
    const { stream, seen } = await connectWith(controller.signal);
    await until(() => seen.length === 1, 'the stream at the listener');
    await finish(stream, seen[0]!);
    const events = record(stream);
    controller.abort();
    await new Promise((resolve) => setImmediate(resolve));
    expect(events).toEqual([]);
  });

  it("works by Node's own addAbortSignal", async () => {
    const { client, server } = await pair();
    const theirs = errorOf(server);
    const controller = new AbortController();
    addAbortSignal(controller.signal, client);
    const mine = errorOf(client);
    controller.abort();
    expect(await mine).toMatchObject({ name: 'AbortError' });
    expect(await theirs).toMatchObject({ code: 'CANCELED', appCode: 'ABORT_ERR' });
  });
});

describe("what net.Socket's users call", () => {
  it("emits 'timeout' after idling, not while bytes flow, and stays open", async () => {
    const { client, server } = await pair();
    const order: string[] = [];
    client.on('data', () => order.push('data'));
    client.setTimeout(40, () => order.push('timeout'));
    server.write('x');
    await once(client, 'timeout');
    expect(order).toEqual(['data', 'timeout']);
    expect(client.destroyed).toBe(false);
    expect(client.setNoDelay().setKeepAlive().ref().unref()).toBe(client);
    client.setTimeout(0);
    await finish(client, server);
  });

  it('leaves no timer behind when it is destroyed', async () => {
    const { client, server } = await pair();
    server.on('error', () => {});
    client.setTimeout(60_000);
    client.destroy();
    await until(() => server.closed, 'close');
  });
});
