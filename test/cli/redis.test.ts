/** A Redis client that reaches its server through `listen --tcp` and `connect --tcp`, and sees no cut of what is between. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { seededReadable, seededSha256 } from '../support/seeded-bytes.js';
import { buildCli } from './cli-process.js';
import { ForwardedService } from './forwarded-service.js';
import { areInstalled, INSTALL_LIMIT_MS, startServer } from './programs.js';

const VALUE_BYTES = 64 * 2 ** 20;
const SEED = 6379;

const isHere = areInstalled(['redis-server', 'redis-cli'], ['redis-server']);

let redis: Awaited<ReturnType<typeof startServer>>;
let folder: string;

checkLeaksAfterEach();
buildCli();
beforeAll(async () => {
  if (!isHere) return;
  folder = mkdtempSync(join(tmpdir(), 'trunkline-redis-'));
  const args = (port: number) => ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--dir', folder];
  redis = await startServer('redis-server', args, /Ready to accept connections/);
}, INSTALL_LIMIT_MS);
afterAll(async () => {
  if (!isHere) return;
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

function redisCli(port: number, args: string[] = []) {
  const child = spawn('redis-cli', ['-h', '127.0.0.1', '-p', `${port}`, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const output = buffer(child.stdout);
  const closed = once(child, 'close');
  return { child, result: Promise.all([output, closed]).then(([bytes, [code]]) => ({ bytes, code })) };
}

test.runIf(isHere)(
  'a large value comes whole, on one Redis connection, over three of ours',
  { timeout: 120_000 },
  async () => {
    const service = await ForwardedService.start(redis.port);
    // The value goes there through the tunnel, too.
    const set = redisCli(service.port, ['-x', 'set', 'big']);
    seededReadable(SEED, VALUE_BYTES).pipe(set.child.stdin);
    expect(await set.result).toEqual({ bytes: Buffer.from('OK\n'), code: 0 });

    const session = redisCli(service.port);
    session.child.stdin.end('client id\nstrlen big\nget big\nclient id\n');
    await service.cutAfter(VALUE_BYTES / 4);
    await service.cutAfter(VALUE_BYTES / 4);
    const { bytes, code } = await session.result;
    expect(code).toBe(0);

    const [, id, length] = /^(\d+)\n(\d+)\n/.exec(bytes.toString('latin1', 0, 64)) ?? [];
    const start = `${id}\n${length}\n`.length;
    expect(Number(length)).toBe(VALUE_BYTES);
    expect(
      createHash('sha256')
        .update(bytes.subarray(start, start + VALUE_BYTES))
        .digest('hex'),
    ).toBe(seededSha256(SEED, VALUE_BYTES));
    // The server has seen one client from first to last.
    expect(bytes.toString('latin1', start + VALUE_BYTES)).toBe(`\n${id}\n`);
    expect(await service.end()).toEqual({ codes: [0, 0], lost: [2, 2] });
  },
);
