import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { receiveFile, StreamClient, StreamServer, sendFile, type TunnelStream } from 'trunkline';
import { expect, test } from './fixtures.js';

const FILE_BYTES = 12 * 1024 * 1024 + 17;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

let folder: string;
test.beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trunkline-files-'));
});
test.afterEach(() => rm(folder, { recursive: true }));

test('a page sends a File, Node stores it', async ({ openPage, relayed }) => {
  const server = StreamServer(relayed.dial()).listen('store');
  const received = new Promise((resolve, reject) => {
    server.on('connection', (stream: TunnelStream) => receiveFile(stream, folder).then(resolve, reject));
  });
  await server.ready;
  const page = await openPage();
  const sent = await page.evaluate(async (length) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    const file = new File([bytes], '../holiday.mov', { type: 'video/quicktime' });
    const stream = window.trunkline.StreamClient(window.trunkline.connectTunnel('/trunkline')).connect('store');
    const told: number[] = [];
    const { sha256 } = await window.trunkline.sendFile(stream, file, {
      onProgress: ({ sentBytes }) => told.push(sentBytes),
    });
    return { sha256, told };
  }, FILE_BYTES);
  expect(await received).toMatchObject({ name: 'holiday.mov', type: 'video/quicktime', sizeBytes: FILE_BYTES });
  expect(await readdir(folder)).toEqual(['holiday.mov']);
  expect(sha256(await readFile(join(folder, 'holiday.mov')))).toBe(sent.sha256);
  expect(sent.told.at(-1)).toBe(FILE_BYTES);
});

test('Node sends a file, a page writes it to a file of its own', async ({ openPage, relayed }) => {
  const bytes = randomBytes(FILE_BYTES);
  const path = join(folder, 'holiday.mov');
  await writeFile(path, bytes);
  const page = await openPage();
  const stored = page.evaluate(async () => {
    const tunnel = window.trunkline.connectTunnel('/trunkline');
    const directory = await navigator.storage.getDirectory();
    const handle = await directory.getFileHandle('copy', { create: true });
    const stream = await new Promise<TunnelStream>((resolve) =>
      window.trunkline.StreamServer(tunnel, resolve).listen('page'),
    );
    const received = await window.trunkline.receiveFile(stream, await handle.createWritable());
    const copy = await (await handle.getFile()).arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', copy));
    const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
    tunnel.close();
    return { name: received.name, told: received.sha256, hex };
  });
  const stream = StreamClient(relayed.dial()).connect('page', { waitMs: 10_000 });
  expect(await sendFile(stream, path)).toMatchObject({ sizeBytes: FILE_BYTES, sha256: sha256(bytes) });
  expect(await stored).toEqual({ name: 'holiday.mov', told: sha256(bytes), hex: sha256(bytes) });
});
