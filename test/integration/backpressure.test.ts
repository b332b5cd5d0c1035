import { afterEach, describe, expect, it } from 'vitest';
import { connectTunnel, StreamClient, StreamServer, type Tunnel, type TunnelStream } from '../../src/index.js';
import { streamInternals } from '../support/internals.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { open, RawPeer, Type } from '../support/raw-peer.js';
import { RelayProcess } from '../support/relay-process.js';
import { readSeeded, writeSeeded } from '../support/seeded-bytes.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const WINDOW_BYTES = 256 * KIB;
const HIGH_WATER_MARK_BYTES = 64 * KIB;
const CHUNK_BYTES = 16 * KIB;

checkLeaksAfterEach();

let relay: RelayProcess;
let tunnels: Tunnel[] = [];
afterEach(async () => {
  for (const tunnel of tunnels) tunnel.close();
  await Promise.all(tunnels.map((tunnel) => tunnel.closed));
  tunnels = [];
  expect(await relay.close()).toBe(0);
});

async function start(): Promise<{ client: Tunnel; server: Tunnel }> {
  relay = await RelayProcess.start();
  const [client, server] = [connectTunnel(relay.url), connectTunnel(relay.url)];
  tunnels.push(client, server);
  return { client, server };
}

/** Keeps writing for as long as `write()` says true, and goes on at every 'drain'. */
function offer(stream: TunnelStream, totalBytes: number): { accepted: number } {
  const offered = { accepted: 0 };
  const chunk = Buffer.alloc(CHUNK_BYTES, 7);
  const writeOn = (): void => {
    while (offered.accepted < totalBytes) {
      offered.accepted += CHUNK_BYTES;
      if (!stream.write(chunk)) return;
    }
  };
  stream.on('drain', writeOn);
  writeOn();
  return offered;
}

/** 50 streams between the same two tunnels, 1 MiB each way. */
async function runNeighbours(client: Tunnel, name: string): Promise<number[]> {
  return Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const stream = StreamClient(client).connect(name, { meta: index });
      const [reply] = await Promise.all([readSeeded(stream, 1000 + index), writeSeeded(stream, index, MIB)]);
      return reply.bytes;
    }),
  );
}

function serveNeighbours(server: Tunnel, name: string): { errors: unknown[]; ready: Promise<void> } {
  const errors: unknown[] = [];
  const listener = StreamServer(server, (stream) => {
    const index = stream.meta as number;
    Promise.all([readSeeded(stream, index), writeSeeded(stream, 1000 + index, MIB)]).catch((error) =>
      errors.push(error),
    );
  }).listen(name);
  return { errors, ready: listener.ready };
}

describe('a reader that stops', () => {
  it('stops its writer at window + highWaterMark, leaves the relay flat, and its neighbours run on', async () => {
    const { client, server } = await start();
    let unread: TunnelStream | undefined;
    const never = StreamServer(server, (stream) => {
      unread = stream;
      stream.on('error', () => {});
    }).listen('NEVER-READS');
    const neighbours = serveNeighbours(server, 'NEIGHBOURS');
    await Promise.all([never.ready, neighbours.ready]);
    await runNeighbours(client, 'NEIGHBOURS');
    const before = await relay.report();

    const stuck = StreamClient(client).connect('NEVER-READS');
    stuck.on('error', () => {});
    const offered = offer(stuck, 10 * GIB);
    await stuck.opened;
    const replies = await runNeighbours(client, 'NEIGHBOURS');

    const after = await relay.report();
    const grownMib = (after.rss - before.rss) / MIB;
    console.info(
      `offered 10 GiB, accepted ${offered.accepted / KIB} KiB; relay RSS ${(before.rss / MIB).toFixed(1)} -> ` +
        `${(after.rss / MIB).toFixed(1)} MiB`,
    );
    expect(replies).toEqual(Array(50).fill(MIB));
    expect(neighbours.errors).toEqual([]);
    expect(streamInternals(unread!).core.unreadBytes).toBe(WINDOW_BYTES);
    expect(offered.accepted).toBeGreaterThanOrEqual(WINDOW_BYTES);
    expect(offered.accepted).toBeLessThanOrEqual(WINDOW_BYTES + HIGH_WATER_MARK_BYTES);
    expect(stuck.writableNeedDrain).toBe(true);
    expect(grownMib).toBeLessThan(24);
    stuck.destroy();
  }, 60_000);

  it('cannot grow the relay by granting without end and then not reading its socket', async () => {
    const { client, server } = await start();
    const neighbours = serveNeighbours(server, 'NEIGHBOURS');
    await neighbours.ready;
    await runNeighbours(client, 'NEIGHBOURS');
    const before = await relay.report();

    const raw = await RawPeer.ready(relay.url);
    raw.send(open(1, { kind: 'listen', name: 'GRANTS-ALL' }));
    await raw.next(Type.ACCEPT);
    const stuck = StreamClient(client).connect('GRANTS-ALL');
    stuck.on('error', () => {});
    const pending = stuck.opened;
    const offered = offer(stuck, 10 * GIB);
    const { id: offerId, uid } = await raw.nextPayload(Type.OFFER);
    raw.send(open(3, { kind: 'accept', offerId }, { uid, credit: 2 ** 50 }));
    await pending;
    raw.socket.pause();
    const replies = await runNeighbours(client, 'NEIGHBOURS');

    const after = await relay.report();
    console.info(
      `credit without end: accepted ${(offered.accepted / MIB).toFixed(1)} MiB; relay RSS ` +
        `${(before.rss / MIB).toFixed(1)} -> ${(after.rss / MIB).toFixed(1)} MiB`,
    );
    expect(replies).toEqual(Array(50).fill(MIB));
    expect(stuck.writableNeedDrain).toBe(true);
    // The egress budget of a tunnel, and what the system's socket buffers take.
    expect(offered.accepted).toBeLessThan(24 * MIB);
    expect((after.rss - before.rss) / MIB).toBeLessThan(40);
    stuck.destroy();
    await raw.terminate();
  }, 60_000);
});
