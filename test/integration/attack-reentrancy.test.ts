import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { StreamClient, StreamServer, type Tunnel, type TunnelStream } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { readSeeded, writeSeeded } from '../support/seeded-bytes.js';
import { deferred, until } from '../support/until.js';

checkLeaksAfterEach();

const KIB = 1024;
/** A tunnel that ends with its connection. */
const AT_ONCE = { resumeWindowMs: 0 };
const quiet = (stream: TunnelStream): TunnelStream => stream.on('error', () => {});

async function codeOf(stream: TunnelStream): Promise<string> {
  const [error] = (await once(stream, 'error')) as [{ code: string }];
  return error.code;
}

/** What was thrown by a user's callback and surfaced; the leak check demands that all of it was taken from here. */
async function whileThrowing<T>(action: () => Promise<T>): Promise<{ result: T; thrown: string[] }> {
  const others = process.listeners('uncaughtException');
  const thrown: string[] = [];
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => thrown.push(error.message));
  try {
    return { result: await action(), thrown };
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const listener of others) process.on('uncaughtException', listener);
  }
}

describe('destroying a stream inside its own events', () => {
  const events = ['open', 'data', 'readable', 'end', 'finish', 'drain', 'close'] as const;
  it.each(events.flatMap((event) => (['client', 'server'] as const).map((side) => ({ event, side }))))(
    "'$event' at the $side: both ends are told, nothing is left",
    async ({ event, side }) => {
      const fixture = await startRelay();
      const accepted = deferred<TunnelStream>();
      await fixture.listen('NAME', (stream) => {
        quiet(stream).on('close', () => accepted.resolve(stream));
        attack(stream, 'server');
      });
      const client = StreamClient(fixture.dial()).connect('NAME');
      attack(quiet(client), 'client');
      const [other] = await Promise.all([accepted.promise, finished(client).catch(() => {})]);
      expect([client.destroyed, other.destroyed]).toEqual([true, true]);

      function attack(stream: TunnelStream, here: string): void {
        if (here === side) stream.once(event, () => stream.destroy());
        // An accepted stream is open before it is shown.
        if (here === side && here === 'server' && event === 'open') stream.destroy();
        if (event !== 'readable' || here !== side) stream.resume();
        stream.end(Buffer.alloc(200 * KIB));
      }
    },
  );

  it("in 'connection', onStream and the accept hook's turn", async () => {
    const fixture = await startRelay();
    const listener = await fixture.listen('NAME', (stream) => stream.destroy(), {
      accept: ({ meta }) => {
        if (meta === 'close-me') client.close('closed by the hook');
        return true;
      },
    });
    const client = fixture.dial();
    expect(await codeOf(StreamClient(client).connect('NAME'))).toBe('CANCELED');
    listener.once('connection', (stream: TunnelStream) => stream.destroy(new Error('no')));
    expect(await codeOf(StreamClient(client).connect('NAME'))).toBe('CANCELED');
    expect(await codeOf(StreamClient(client).connect('NAME', { meta: 'close-me' }))).toBe('TUNNEL_CLOSED');
  });
});

describe('closing a tunnel inside an event', () => {
  it.each(['data', 'end', 'drain', 'finish', 'open'] as const)("of a stream, '%s'", async (event) => {
    const fixture = await startRelay();
    const ends: Promise<unknown>[] = [];
    await fixture.listen('NAME', (stream) => {
      ends.push(finished(stream).catch(() => {}));
      stream.resume().end(Buffer.alloc(300 * KIB));
    });
    const tunnel = fixture.dial();
    const streams = Array.from({ length: 5 }, () => quiet(StreamClient(tunnel).connect('NAME')));
    for (const stream of streams) {
      stream.once(event, () => tunnel.close('from inside'));
      stream.resume().write(Buffer.alloc(300 * KIB));
      if (event !== 'drain') stream.end();
    }
    expect(await tunnel.closed).toMatchObject({ code: 'TUNNEL_CLOSED', message: 'from inside' });
    await until(() => streams.every(({ destroyed }) => destroyed), 'every stream to be over');
    await Promise.all(ends);
  });

  it("in the tunnel's own 'open' and 'close'", async () => {
    const fixture = await startRelay();
    const tunnel = fixture.dial();
    tunnel.on('open', () => tunnel.close());
    tunnel.on('close', () => tunnel.close('again'));
    const stream = quiet(StreamClient(tunnel).connect('NAME'));
    expect((await tunnel.closed).message).toBe('the tunnel was closed');
    await until(() => stream.destroyed, 'the stream to fail');
  });

  it('in the accept hook: the client gets LISTENER_GONE, the hook hears no more', async () => {
    const fixture = await startRelay();
    const tunnel = fixture.dial();
    let asked = 0;
    await fixture.listen(
      'NAME',
      () => expect.unreachable(),
      {
        accept: () => {
          asked++;
          tunnel.close();
          return true;
        },
      },
      tunnel,
    );
    expect(await codeOf(StreamClient(fixture.dial()).connect('NAME'))).toBe('LISTENER_GONE');
    expect(asked).toBe(1);
  });
});

describe('writing from inside events', () => {
  it("in 'drain', in write callbacks and in 'data': every byte arrives in order", async () => {
    const fixture = await startRelay();
    const { client, server } = await fixture.pair();
    const echoed = readSeeded(client, 7);
    server.on('data', (bytes: Buffer) => {
      if (!server.write(bytes)) server.pause();
    });
    server.on('drain', () => server.resume());
    server.on('end', () => server.end());
    await writeSeeded(client, 7, 3000 * KIB);
    expect((await echoed).bytes).toBe(3000 * KIB);
    await Promise.all([finished(client), finished(server)]);
  });

  it('a new stream, listener or tunnel in every event', async () => {
    const fixture = await startRelay();
    const done = deferred();
    const tunnel = fixture.dial();
    await fixture.listen('NAME', (stream) => stream.pipe(stream), {}, tunnel);
    let left = 20;
    const again = (): void => {
      if (left-- === 0) return done.resolve();
      const stream = StreamClient(tunnel).connect('NAME');
      stream.once('data', () => stream.end());
      stream.once('end', again);
      stream.write('x');
    };
    tunnel.once('open', again);
    await tunnel.opened.then(again);
    await done.promise;
  });
});

describe('what a user of the relay does inside its events', () => {
  it("relay.close() in 'server.created': the listener and who waited learn GOING_AWAY", async () => {
    const fixture = await startRelay();
    const waiting = StreamClient(fixture.dial(AT_ONCE)).connect('NAME', { waitMs: 60_000 });
    const code = codeOf(waiting);
    await until(() => fixture.relay.stats().connects.pending === 1, 'the connect to wait');
    fixture.relay.on('server.created', () => void fixture.relay.close());
    const listener = quietListener(fixture.dial(AT_ONCE), 'NAME');
    await listener.close();
    expect(await code).toBe('GOING_AWAY');
  });

  it("relay.close() in 'server.destroyed' and in 'connection'", async () => {
    for (const event of ['server.destroyed', 'connection'] as const) {
      const fixture = await startRelay();
      const tunnel = fixture.dial(AT_ONCE);
      fixture.relay.on(event, () => void fixture.relay.close());
      await quietListener(tunnel, 'NAME').close();
      await tunnel.closed;
    }
  });

  it("the listener's tunnel closed in 'server.created': who waits goes on waiting for the next", async () => {
    const fixture = await startRelay();
    const closers: (() => void)[] = [];
    fixture.relay.on('connection', (connection) => closers.push(() => connection.close()));
    const client = fixture.dial();
    await client.opened;
    const stream = StreamClient(client).connect('NAME', { waitMs: 60_000 });
    await until(() => fixture.relay.stats().connects.pending === 1, 'the connect to wait');
    fixture.relay.once('server.created', () => closers.at(-1)?.());
    await quietListener(fixture.dial(), 'NAME').close();

    await fixture.listen('NAME', (accepted) => accepted.resume().end());
    await stream.opened;
    stream.resume().end();
    await finished(stream);
  });

  it("the listener's tunnel closed in 'server.destroyed': who was offered gets LISTENER_GONE", async () => {
    const fixture = await startRelay();
    const closers: (() => void)[] = [];
    fixture.relay.on('connection', (connection) => closers.push(() => connection.close()));
    const tunnel = fixture.dial();
    const listener = await fixture.listen('NAME', () => {}, { accept: () => new Promise(() => {}) }, tunnel);
    const code = codeOf(StreamClient(fixture.dial()).connect('NAME'));
    await until(() => fixture.relay.stats().connects.pending === 1, 'the connect to be offered');
    fixture.relay.once('server.destroyed', () => closers[0]?.());
    listener.on('error', () => {});
    listener.end();
    expect(await code).toBe('LISTENER_GONE');
  });

  it("relay.connect() in 'server.created' and in 'server.destroyed'", async () => {
    const fixture = await startRelay();
    const codes: string[] = [];
    const replies: string[] = [];
    fixture.relay.on('server.created', (name) => {
      fixture.relay
        .connect(name)
        .on('data', (bytes) => replies.push(String(bytes)))
        .end();
    });
    fixture.relay.on('server.destroyed', (name) => {
      fixture.relay.connect(name).on('error', (error) => codes.push((error as { code?: string }).code ?? ''));
    });
    const listener = await fixture.listen('NAME', (stream) => stream.resume().end('hi'));
    await until(() => replies.length === 1, 'the reply');
    await listener.close();
    await until(() => codes.length === 1, 'the refusal');
    expect([replies, codes]).toEqual([['hi'], ['NO_LISTENER']]);
  });

  function quietListener(tunnel: Tunnel, name: string) {
    return StreamServer(tunnel, () => {})
      .listen(name)
      .on('error', () => {});
  }
});

describe('an exception thrown by a callback of the user', () => {
  it("in 'data' costs no credit: the stream still takes more than a window", async () => {
    const fixture = await startRelay();
    const { client, server } = await fixture.pair('NAME', { server: fixture.dial({ maxWindowBytes: 256 * KIB }) });
    const { thrown } = await whileThrowing(async () => {
      let received = 0;
      server.on('data', (bytes: Buffer) => {
        received += bytes.length;
        throw new Error('a clumsy reader');
      });
      server.end();
      client.resume().end(Buffer.alloc(1000 * KIB));
      await finished(client);
      await until(
        () => received === 1000 * KIB,
        () => `all bytes, not ${received}`,
      );
      await until(() => server.destroyed, 'the server side to close');
    });
    expect(new Set(thrown)).toEqual(new Set(['a clumsy reader']));
  });

  it("in a tunnel's 'error' still lets 'close' and closed come", async () => {
    const fixture = await startRelay();
    const tunnel = fixture.dial(AT_ONCE);
    await tunnel.opened;
    const { thrown } = await whileThrowing(async () => {
      const closed = new Promise((resolve) => tunnel.on('close', resolve));
      tunnel.on('error', () => {
        throw new Error('clumsy');
      });
      await fixture.relay.close();
      await Promise.all([closed, tunnel.closed]);
    });
    expect(thrown).toEqual(['clumsy']);
  });

  it("in a listener's 'error' still lets 'close' and close() come", async () => {
    const fixture = await startRelay();
    await fixture.listen('NAME', () => {});
    const tunnel = fixture.dial();
    const { thrown } = await whileThrowing(async () => {
      const listener = StreamServer(tunnel, () => {}).listen('NAME');
      listener.on('error', () => {
        throw new Error('clumsy');
      });
      await Promise.all([new Promise<void>((resolve) => listener.on('close', resolve)), listener.close()]);
    });
    expect(thrown).toEqual(['clumsy']);
  });

  it("in 'server.created' and 'server.destroyed' of the relay: the name is held and given back all the same", async () => {
    const fixture = await startRelay();
    const { thrown } = await whileThrowing(async () => {
      fixture.relay.on('server.created', () => {
        throw new Error('created');
      });
      fixture.relay.on('server.destroyed', () => {
        throw new Error('destroyed');
      });
      const listener = await fixture.listen('NAME', (stream) => stream.pipe(stream));
      const stream = StreamClient(fixture.dial()).connect('NAME');
      stream.resume().end('x');
      await finished(stream);
      await listener.close();
    });
    expect(thrown).toEqual(['created', 'destroyed']);
  });
});

describe('odd pairs', () => {
  it('a stream to a listener on the same tunnel, echoed by a pipe to itself, a hundred at once', async () => {
    const fixture = await startRelay();
    const tunnel = fixture.dial();
    await fixture.listen('SELF', (stream) => stream.pipe(stream), {}, tunnel);
    const client = StreamClient(tunnel);
    const results = await Promise.all(
      Array.from({ length: 100 }, async (_, seed) => {
        const stream = client.connect('SELF');
        const [result] = await Promise.all([readSeeded(stream, seed), writeSeeded(stream, seed, 20 * KIB)]);
        return result.bytes;
      }),
    );
    expect(results).toEqual(Array(100).fill(20 * KIB));
  });

  it('both ends piped to themselves: a byte goes round until somebody stops it', async () => {
    const fixture = await startRelay();
    const { client, server } = await fixture.pair();
    let rounds = 0;
    client.on('data', () => {
      if (++rounds === 200) client.destroy();
    });
    client.pipe(client);
    server.pipe(server).on('error', () => {});
    client.write('ball');
    await once(client, 'close');
    expect(rounds).toBe(200);
  });

  it('two listeners of one name in one turn: one holds it, the other gets NAME_TAKEN, on one tunnel too', async () => {
    const fixture = await startRelay();
    const tunnel = fixture.dial();
    const listeners = [0, 1].map(() => StreamServer(tunnel, (stream) => stream.end()).listen('NAME'));
    for (const listener of listeners) listener.on('error', () => {});
    const results = await Promise.allSettled(listeners.map(({ ready }) => ready));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    fixture.listeners.push(...listeners);
  });

  it('three thousand opens in one turn: LIMIT_STREAMS past what a tunnel may have, all others served', async () => {
    const fixture = await startRelay();
    await fixture.listen('NAME', (stream) => stream.resume().end('x'));
    const client = StreamClient(fixture.dial());
    const counts: Record<string, number> = {};
    await Promise.all(
      Array.from({ length: 3000 }, async () => {
        const stream = client.connect('NAME');
        stream.resume().end('y');
        const outcome = await finished(stream).then(
          () => 'served',
          (error: { code: string }) => error.code,
        );
        counts[outcome] = (counts[outcome] ?? 0) + 1;
      }),
    );
    expect(counts).toEqual({ served: 1024, LIMIT_STREAMS: 1976 });
  });
});
