/** What a page gets: bundled as the build does it, with nothing of Node in it, and talking to the Node side. */
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { forPages } from '../../esbuild.page.js';
import { receiveFile, sendFile } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { seededBytes, seededSha256 } from '../support/seeded-bytes.js';
import { duplexPair } from './duplex-pair.js';
import { RecordingFile } from './recording-file.js';
import { seededFile } from './seeded-file.js';
import { removeFoldersAfterEach, TempFolder } from './temp-folder.js';

checkLeaksAfterEach();
removeFoldersAfterEach();

type Page = Pick<typeof import('../../src/index.js'), 'sendFile' | 'receiveFile'>;

async function bundle(): Promise<{ page: Page; inputs: string[] }> {
  const { outputFiles, metafile } = await build({
    ...forPages,
    stdin: {
      contents: `export * from './src/files/send-file.js'; export * from './src/files/receive-file.js';`,
      resolveDir: '.',
    },
    bundle: true,
    format: 'esm',
    write: false,
    metafile: true,
  });
  const text = outputFiles[0]?.text ?? '';
  return {
    page: await import(`data:text/javascript;base64,${Buffer.from(text).toString('base64')}`),
    inputs: Object.keys(metafile.inputs).filter((path) => path.startsWith('src/files/')),
  };
}

test('a page and Node send each other files', async () => {
  const { page, inputs } = await bundle();
  const nodeOnly = ['hasher', 'open-source', 'open-destination', 'path-source', 'path-destination', 'part-file'];
  expect(inputs.filter((path) => nodeOnly.some((name) => path === `src/files/${name}.ts`))).toEqual([]);
  expect(inputs.filter((path) => path.endsWith('.page.ts'))).toHaveLength(3);

  const folder = new TempFolder();
  const sizeBytes = 1_000_000;
  const [near, far] = duplexPair();
  await Promise.all([page.sendFile(near, seededFile(31, sizeBytes, 'a.bin')), receiveFile(far, folder.path)]);
  const [back, forth] = duplexPair();
  const file = new RecordingFile();
  const [, received] = await Promise.all([sendFile(back, folder.at('a.bin')), page.receiveFile(forth, file)]);
  expect(received).toMatchObject({ name: 'a.bin', sha256: seededSha256(31, sizeBytes), path: undefined });
  expect(file.bytes.equals(seededBytes(31, 0, sizeBytes))).toBe(true);
});

test('a page has no paths', async () => {
  const { page } = await bundle();
  const [near] = duplexPair();
  await expect(page.sendFile(near, '/etc/passwd')).rejects.toThrow(TypeError);
  await expect(page.receiveFile(near, '/tmp/x')).rejects.toThrow(TypeError);
  expect(near.destroyed).toBe(false);
});
