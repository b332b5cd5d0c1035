// tcp-stream-muxer, `streamOverflow`: more streams over one TCP connection than a byte can count.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type * as connection from '../../src/core/connection.js';
import { echoOf, echoStreams, endTunnelsAfterEach, tcpPair } from '../sdk-node/tunnel-fixture.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';

const firstIds = vi.hoisted(() => ({}) as { dialer?: number; acceptor?: number });

/** As if each connection had had so many streams, which would take a while: it is an option, and no tunnel has it. */
vi.mock('../../src/core/connection.js', async (original) => {
  const { ConnectionCore } = await original<typeof connection>();
  return {
    ConnectionCore: class extends ConnectionCore {
      constructor(options: connection.ConnectionOptions, owner: connection.ConnectionOwner) {
        super({ ...options, firstLocalId: firstIds[options.role] }, owner);
      }
    },
  };
});

checkLeaksAfterEach();
endTunnelsAfterEach();
beforeEach(() => {
  delete firstIds.dialer;
  delete firstIds.acceptor;
});

describe('streamOverflow: more than 255 streams', () => {
  it('1,000 at once, each with its own bytes', async () => {
    const { client, con } = await tcpPair();
    echoStreams(con);
    const streams = Array.from({ length: 1000 }, (_, meta) => client.createStream({ meta }));
    await Promise.all(streams.map((stream) => stream.opened));
    const texts = await Promise.all(streams.map((stream, count) => echoOf(stream, `stream ${count}`)));
    expect(texts).toEqual(streams.map((_, count) => `stream ${count}`));
  });

  it('past the limit, which is an option, a stream fails with a code; neither side crashes, and room comes again', async () => {
    const { client, con } = await tcpPair({ limits: { maxStreams: 256 } });
    echoStreams(con);
    const streams = Array.from({ length: 256 }, () => client.createStream());
    await Promise.all(streams.map((stream) => stream.opened));
    await expect(client.createStream().opened).rejects.toMatchObject({ code: 'LIMIT_STREAMS', retryable: true });
    expect(await echoOf(streams[255]!, 'still here')).toBe('still here');
    expect(await echoOf(client.createStream(), 'in its place')).toBe('in its place');
    await Promise.all(streams.slice(0, 255).map((stream) => echoOf(stream, '')));
  });

  it.each([256, 65_536, 16_777_216, 2 ** 31])('nothing happens at stream id %i, on either side', async (id) => {
    firstIds.dialer = id - 5;
    firstIds.acceptor = id - 6;
    const { client, con } = await tcpPair();
    for (const tunnel of [client, con]) echoStreams(tunnel);
    const streams = Array.from({ length: 10 }, (_, count) => [client, con][count % 2]!.createStream());
    const texts = await Promise.all(streams.map((stream, count) => echoOf(stream, `stream ${count}`)));
    expect(texts).toEqual(streams.map((_, count) => `stream ${count}`));
  });

  it.each([
    ['dialer', 2 ** 32 - 1],
    ['acceptor', 2 ** 32 - 2],
  ] as const)('when all ids of the %s are used up: a code, and what is open goes on', async (role, lastId) => {
    firstIds[role] = lastId;
    const { client, con } = await tcpPair();
    const [opener, taker] = role === 'dialer' ? [client, con] : [con, client];
    echoStreams(taker);
    const last = opener.createStream();
    await last.opened;
    await expect(opener.createStream().opened).rejects.toMatchObject({ code: 'LIMIT_STREAMS' });
    expect(await echoOf(last, 'the last one')).toBe('the last one');
  });
});
