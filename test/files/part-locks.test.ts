import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, utimesSync } from 'node:fs';
import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { lockPart } from '../../src/files/part-locks.js';
import { removeFoldersAfterEach, TempFolder } from './temp-folder.js';

removeFoldersAfterEach();

/** Locks and gives back, to learn the name of the lock file. */
async function lockNameOf(folder: TempFolder): Promise<string> {
  const unlock = await lockPart(folder.at('a.part'));
  const [name = ''] = folder.names();
  await unlock();
  return name;
}

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['--eval', '']);
  await once(child, 'exit');
  return child.pid as number;
}

test('a part has one owner, and its lock goes with it', async () => {
  const folder = new TempFolder();
  const unlock = await lockPart(folder.at('a.part'));
  expect(folder.names()).toEqual([expect.stringMatching(/^\.trunkline-[0-9a-f]{16}\.lock$/)]);
  await expect(lockPart(folder.at('a.part'))).rejects.toMatchObject({ code: 'REFUSED', appCode: 'EBUSY' });
  const other = await lockPart(folder.at('b.part'));
  await other();
  await unlock();
  expect(folder.names()).toEqual([]);
  await (await lockPart(folder.at('a.part')))();
});

test.each([
  ['a process that runs', () => ({ pid: process.ppid, host: hostname() })],
  ['another machine', () => ({ pid: 1, host: `not-${hostname()}` })],
  ['nobody that can be told', () => ({})],
  ['nobody at all', () => null],
  [
    'another thread of this process',
    () => ({ pid: process.pid, host: hostname(), startedMs: Date.now() - process.uptime() * 1000 }),
  ],
])('what %s has is left alone', async (_, describe) => {
  const folder = new TempFolder();
  const name = await lockNameOf(folder);
  const owner = describe();
  folder.write(name, JSON.stringify(owner));
  await expect(lockPart(folder.at('a.part'))).rejects.toMatchObject({ code: 'REFUSED', appCode: 'EBUSY' });
  expect(JSON.parse(String(folder.read(name)))).toEqual(owner);
  expect(folder.names()).toEqual([name]);
});

test.each([
  ['a process that died', async () => JSON.stringify({ pid: await deadPid(), host: hostname() })],
  ['an earlier process of the same number', async () => JSON.stringify({ pid: process.pid, host: hostname() })],
  [
    'an earlier process of the same number, which said so',
    async () => JSON.stringify({ pid: process.pid, host: hostname(), startedMs: Date.now() - 3_600_000 }),
  ],
])('what %s has left behind is taken over', async (_, content) => {
  const folder = new TempFolder();
  const name = await lockNameOf(folder);
  folder.write(name, await content());
  const unlock = await lockPart(folder.at('a.part'));
  expect(JSON.parse(String(folder.read(name)))).toMatchObject({ pid: process.pid, host: hostname() });
  await unlock();
  expect(folder.names()).toEqual([]);
});

test('a lock that was never written is somebody’s at work, for a while', async () => {
  const folder = new TempFolder();
  const path = folder.write(await lockNameOf(folder), '');
  await expect(lockPart(folder.at('a.part'))).rejects.toMatchObject({ appCode: 'EBUSY' });
  utimesSync(path, 0, 0);
  await (await lockPart(folder.at('a.part')))();
  expect(folder.names()).toEqual([]);
});

test('a lock that cannot be read is somebody else’s, and the error names no path', async () => {
  const folder = new TempFolder();
  const name = await lockNameOf(folder);
  mkdirSync(folder.at(name));
  const error = await lockPart(folder.at('a.part')).catch((reason) => reason);
  expect(error).toMatchObject({ code: 'REFUSED', appCode: 'EBUSY' });
  expect(error.message).not.toContain(name);
  expect(folder.names()).toEqual([name]);
});
