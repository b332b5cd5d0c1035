import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { StreamClient, StreamServer, type TrunklineError, type TunnelStream } from '../../src/index.js';
import { ForkedProcess } from '../support/forked-process.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import type { LeavingOptions } from '../support/leaving-child.js';
import { startRelay } from '../support/relay-fixture.js';
import { readSeeded, seededBytes } from '../support/seeded-bytes.js';
import { deferred, until } from '../support/until.js';

const NAME = 'LEAVER';
/** Far longer than anybody here waits: who learns of an end by this one learns it too late for the test. */
const LONG_WINDOW_MS = 600_000;
const SHORT_WINDOW_MS = 300;

checkLeaksAfterEach();

/** The 'error' that a stream ends with, and whether it was suspended before. */
class Fate {
  private error: TrunklineError | undefined;
  wasSuspended = false;

  constructor(stream: TunnelStream) {
    stream.on('suspend', () => {
      this.wasSuspended = true;
    });
    stream.on('error', (error) => {
      this.error = error as TrunklineError;
    });
  }

  async code(): Promise<string | undefined> {
    await until(() => this.error !== undefined, 'the stream to fail');
    return this.error?.code;
  }
}

/** A process that ends in the middle of a stream, and how the end here of that stream fares. */
async function startLeaver(role: LeavingOptions['role'], windowMs: number) {
  const fixture = await startRelay({ resumeWindowMs: windowMs });
  const here = fixture.dial({ resumeWindowMs: windowMs });
  const fate = deferred<Fate>();
  if (role === 'client') await fixture.listen(NAME, (stream) => fate.resolve(new Fate(stream)), {}, here);
  const options: LeavingOptions = { url: fixture.url, name: NAME, role };
  const { process } = await ForkedProcess.fork('./leaving-child.ts', options);
  if (role === 'listener') {
    const stream = StreamClient(here).connect(NAME);
    fate.resolve(new Fate(stream));
    await stream.opened;
  }
  return { fixture, process, fate: await fate.promise };
}

describe('an endpoint that is gone: the other side of its streams is told, long before any window is over', () => {
  it("of a listener's tunnel.close(); its names are free", async () => {
    const fixture = await startRelay({ resumeWindowMs: LONG_WINDOW_MS });
    const leaving = fixture.dial();
    const { client, server } = await fixture.pair(NAME, { server: leaving });
    const [fate, ownFate] = [new Fate(client), new Fate(server)];
    const listener = StreamServer(leaving).listen(NAME);
    await listener.ready;
    leaving.close();
    expect(await fate.code()).toBe('LISTENER_GONE');
    expect(await ownFate.code()).toBe('TUNNEL_CLOSED');
    expect(fate.wasSuspended).toBe(false);
    await until(() => fixture.relay.stats().names.active === 0, 'the name to be free');
  });

  it("of a client's tunnel.close()", async () => {
    const fixture = await startRelay({ resumeWindowMs: LONG_WINDOW_MS });
    const leaving = fixture.dial();
    const { client, server } = await fixture.pair(NAME, { client: leaving });
    const [fate, ownFate] = [new Fate(server), new Fate(client)];
    leaving.close();
    expect(await fate.code()).toBe('TUNNEL_CLOSED');
    expect(await ownFate.code()).toBe('TUNNEL_CLOSED');
    expect(fate.wasSuspended).toBe(false);
  });

  it('of listener.end(): who connects then is refused at once, and streams go on', async () => {
    const fixture = await startRelay({ resumeWindowMs: LONG_WINDOW_MS });
    const served = deferred<TunnelStream>();
    const listener = await fixture.listen(NAME, served.resolve);
    const destroyed = once(fixture.relay, 'server.destroyed');
    const client = StreamClient(fixture.dial()).connect(NAME);
    const server = await served.promise;
    listener.end();
    expect(await destroyed).toEqual([NAME]);
    await expect(StreamClient(fixture.dial()).connect(NAME).opened).rejects.toMatchObject({ code: 'NO_LISTENER' });
    client.end(seededBytes(1, 0, 1000));
    expect((await readSeeded(server, 1)).bytes).toBe(1000);
    server.end();
    client.resume();
    await once(client, 'close');
  });

  it.each([
    ['listener', 'LISTENER_GONE'],
    ['client', 'TUNNEL_CLOSED'],
  ] as const)("of a %s's process.exit()", async (role, code) => {
    const { fixture, process, fate } = await startLeaver(role, LONG_WINDOW_MS);
    await expect(process.ask('exit')).rejects.toThrow('gone');
    expect(await fate.code()).toBe(code);
    expect(fate.wasSuspended).toBe(false);
    const namesOfLeaver = role === 'listener' ? 0 : 1;
    await until(() => fixture.relay.stats().names.active === namesOfLeaver, 'its names to be free');
    expect(await process.exited).toEqual({ code: 0, signal: null });
  });
});

describe('an endpoint that is lost', () => {
  it.each(['listener', 'client'] as const)(
    'a %s that is killed may come back, until the window is over: RESUME_EXPIRED',
    async (role) => {
      const { fixture, process, fate } = await startLeaver(role, SHORT_WINDOW_MS);
      await process.kill();
      expect(await fate.code()).toBe('RESUME_EXPIRED');
      expect(fate.wasSuspended).toBe(true);
      const namesOfLeaver = role === 'listener' ? 0 : 1;
      await until(() => fixture.relay.stats().names.active === namesOfLeaver, 'its names to be free');
    },
  );
});
