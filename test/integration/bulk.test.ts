import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { StreamClient, type TunnelStream } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { readSeeded, seededBytes, seededSha256, writeSeeded } from '../support/seeded-bytes.js';

const MIB = 1024 * 1024;

checkLeaksAfterEach();

describe('Node to Node through the relay', () => {
  it('carries 64 MiB each way at once, in writes of random sizes, byte for byte', async () => {
    const fixture = await startRelay();
    const { client, server } = await fixture.pair();
    const started = performance.now();
    const [there, back] = await Promise.all([
      readSeeded(server, 1),
      readSeeded(client, 2),
      writeSeeded(client, 1, 64 * MIB),
      writeSeeded(server, 2, 64 * MIB),
    ]);
    const seconds = (performance.now() - started) / 1000;
    console.info(`64 MiB each way: ${((128 * MIB) / 1e6 / seconds).toFixed(0)} MB/s in sum`);
    expect(there).toEqual({ bytes: 64 * MIB, sha256: seededSha256(1, 64 * MIB) });
    expect(back).toEqual({ bytes: 64 * MIB, sha256: seededSha256(2, 64 * MIB) });
  }, 60_000);

  it('carries 500 streams on one tunnel, both ways, none with a byte of another', async () => {
    const fixture = await startRelay();
    const bytes = 200_000;
    const served: Promise<unknown>[] = [];
    await fixture.listen('MANY', (stream) => {
      const seed = stream.meta as number;
      served.push(Promise.all([readSeeded(stream, seed), writeSeeded(stream, seed + 1, bytes)]));
    });
    const client = StreamClient(fixture.dial());
    const results = await Promise.all(
      Array.from({ length: 500 }, async (_, index) => {
        const seed = 10 + index * 2;
        const stream = client.connect('MANY', { meta: seed });
        const [reply] = await Promise.all([readSeeded(stream, seed + 1), writeSeeded(stream, seed, bytes)]);
        return reply.bytes;
      }),
    );
    expect(results).toEqual(Array(500).fill(bytes));
    expect(served).toHaveLength(500);
    const requests = (await Promise.all(served)) as [{ bytes: number }][];
    expect(requests.every(([request]) => request.bytes === bytes)).toBe(true);
    expect(fixture.relay.stats().splices.opened).toBe(500);
  }, 60_000);

  it('half-closes: the request has ended and was delivered, 50 MiB of reply come after', async () => {
    const fixture = await startRelay();
    const { client, server } = await fixture.pair();
    const order: string[] = [];
    client.on('finish', () => order.push('request delivered'));
    const request = readSeeded(server, 3).then(async (result) => {
      order.push('request ended');
      await writeSeeded(server, 4, 50 * MIB);
      return result;
    });
    await writeSeeded(client, 3, 1000);
    await once(client, 'finish');
    expect(client.destroyed).toBe(false);
    const reply = await readSeeded(client, 4);
    order.push('reply ended');
    expect((await request).bytes).toBe(1000);
    expect(reply).toEqual({ bytes: 50 * MIB, sha256: seededSha256(4, 50 * MIB) });
    expect(order.at(-1)).toBe('reply ended');
    expect(order.slice(0, 2).sort()).toEqual(['request delivered', 'request ended']);
  }, 60_000);

  it('does not deadlock when both sides write far past the window before either reads', async () => {
    const fixture = await startRelay();
    const { client, server } = await fixture.pair();
    const bytes = 5 * MIB;
    // One write each: Node takes it whole, and only then says that it is too much.
    const wholeWrite = (stream: TunnelStream, seed: number): boolean => stream.write(seededBytes(seed, 0, bytes));
    expect(wholeWrite(client, 5)).toBe(false);
    expect(wholeWrite(server, 6)).toBe(false);
    client.end();
    server.end();
    const [there, back] = await Promise.all([readSeeded(server, 5), readSeeded(client, 6)]);
    expect(there).toEqual({ bytes, sha256: seededSha256(5, bytes) });
    expect(back).toEqual({ bytes, sha256: seededSha256(6, bytes) });
  });
});
