import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { StreamClient, type Tunnel } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

const CYCLES = 10_000;
const PER_LISTENER = 500;
const AT_ONCE = 25;
const TOLERANCE_BYTES = 3 * 1024 * 1024;

async function cycle(client: Tunnel): Promise<void> {
  const stream = StreamClient(client).connect('CYCLE', { meta: 'hello' });
  stream.resume();
  stream.end('request');
  await finished(stream);
}

/** A listener, its share of cycles, and its end. */
async function round(fixture: RelayFixture, client: Tunnel, server: Tunnel, cycles: number): Promise<void> {
  const listener = await fixture.listen('CYCLE', (stream) => stream.pipe(stream), {}, server);
  fixture.listeners.pop();
  let left = cycles;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) await cycle(client);
    }),
  );
  await listener.close();
  await until(() => fixture.relay.stats().splices.active === 0, 'the last words of all');
}

async function heapAfterCollection(): Promise<number> {
  for (let count = 0; count < 3; count++) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().heapUsed;
}

describe('10,000 connects', () => {
  it('leave nothing: counters balanced, nothing pending, the heap where it was', async () => {
    expect(globalThis.gc, 'run with --expose-gc').toBeDefined();
    const fixture = await startRelay();
    const names: string[] = [];
    fixture.relay.on('server.created', () => names.push('created'));
    fixture.relay.on('server.destroyed', () => names.push('destroyed'));
    const [client, server] = [fixture.dial(), fixture.dial()];
    await round(fixture, client, server, 1000);
    const before = await heapAfterCollection();

    for (let done = 0; done < CYCLES; done += PER_LISTENER) await round(fixture, client, server, PER_LISTENER);

    const after = await heapAfterCollection();
    const { connects, splices } = fixture.relay.stats();
    console.info(`${CYCLES} cycles: heap ${(before / 1e6).toFixed(2)} -> ${(after / 1e6).toFixed(2)} MB`);
    expect(connects).toMatchObject({ requested: CYCLES + 1000, matched: CYCLES + 1000, pending: 0 });
    expect(splices).toEqual({ opened: CYCLES + 1000, closed: CYCLES + 1000, active: 0, detached: 0 });
    const rounds = 1 + CYCLES / PER_LISTENER;
    expect(names).toEqual(Array.from({ length: rounds }, () => ['created', 'destroyed']).flat());
    expect(after - before).toBeLessThan(TOLERANCE_BYTES);
  }, 120_000);
});

describe('close()', () => {
  it('of everything lets the process exit by itself', async () => {
    const script = fileURLToPath(new URL('../support/exit-child.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    expect({ code, signal, output }).toEqual({ code: 0, signal: null, output: 'everything is closed\n' });
  });
});
