// A child process whose stdin and stdout are the connection.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { seededBytes } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';
import { destroyAfterEach, startOn } from './byte-stream-fixture.js';

checkLeaksAfterEach();
destroyAfterEach();

const CHILD_PATIENCE_MS = 15_000;
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function startChild(...faults: string[]) {
  const file = fileURLToPath(new URL('stdio-child.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...faults], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const exited = once(child, 'exit') as Promise<[number | null]>;
  return { ...startOn(Duplex.from({ readable: child.stdout, writable: child.stdin })), child, exited };
}

it('messages go both ways, and the child ends when the connection does', async () => {
  const { connection, told, exited } = startChild();
  const sizes = [1, 40, 100_000, 20_000];
  for (const size of sizes) connection.send([seededBytes(size, 0, size)]);
  const bytes = (): number => told.messages.reduce((sum, message) => sum + message.length, 0) + told.partialBytes;
  const total = sizes.reduce((sum, size) => sum + size, 0);
  await until(() => bytes() === total, 'the echoes', CHILD_PATIENCE_MS);
  const expected = Buffer.concat(sizes.map((size) => seededBytes(size, 0, size)));
  expect(Buffer.concat(told.messages).equals(expected)).toBe(true);
  connection.close();
  await until(() => told.ends.length > 0, 'the end');
  expect([told.ends[0]!.message, told.breaches]).toEqual(['the byte stream closed', []]);
  expect(await exited).toEqual([0, null]);
});

it('a child that prints something of its own is found out, and ends', async () => {
  const { told, exited } = startChild('log');
  await until(() => told.ends.length > 0, 'the end', CHILD_PATIENCE_MS);
  expect(told.ends[0]!.message).toContain('speaks no trunkline.1: it began with "listening on port 8080\\n');
  expect(await exited).toEqual([0, null]);
});

it('a child that exits, or is killed, is a lost connection', async () => {
  const exiting = startChild('exit');
  for (let count = 0; count < 3; count++) exiting.connection.send([seededBytes(count, 0, 10)]);
  await until(() => exiting.told.ends.length > 0, 'the end', CHILD_PATIENCE_MS);
  expect(await exiting.exited).toEqual([3, null]);
  const killed = startChild();
  killed.connection.send([Buffer.from('hello')]);
  await until(() => killed.told.messages.length === 1, 'the echo', CHILD_PATIENCE_MS);
  killed.child.kill('SIGKILL');
  await until(() => killed.told.ends.length > 0, 'the end');
  for (const { told } of [exiting, killed]) {
    expect([told.ends.length, told.ends[0]!.code, told.breaches]).toEqual([1, 'CONNECTION_LOST', []]);
  }
});
