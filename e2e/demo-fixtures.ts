import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, expect, type Page } from '@playwright/test';
import { DemoProcess } from './demo-process.js';
import { usePages } from './pages.js';

interface Fixtures {
  /** The demo as `npm start` runs it. */
  demo: DemoProcess;
  /** A page in a browser context of its own: another person's browser. */
  visit(url: string): Promise<Page>;
  /** Makes a file of random bytes. */
  makeFile(bytes: number): Promise<RandomFile>;
  /** Opens a sender's page and picks a file of so many bytes there. */
  share(bytes: number): Promise<SharedFile>;
}

interface RandomFile {
  path: string;
  sha256: string;
}

interface SharedFile extends RandomFile {
  sender: Page;
  link: string;
}

export const test = base.extend<Fixtures>({
  demo: async ({ playwright: _ }, use) => {
    const demo = await DemoProcess.start();
    await use(demo);
    await demo.stop();
  },
  // The pages are closed before the demo that they come from.
  visit: async ({ browser, demo: _ }, use) => {
    await usePages(browser, (openPage) => use((url) => openPage(url, withoutSaveDialog)));
  },
  makeFile: async ({ playwright: _ }, use) => {
    const folder = await mkdtemp(join(tmpdir(), 'trunkline-demo-'));
    await use(async (size) => {
      const path = join(folder, 'holiday.mov');
      const bytes = randomBytes(size);
      await writeFile(path, bytes);
      return { path, sha256: createHash('sha256').update(bytes).digest('hex') };
    });
    await rm(folder, { recursive: true });
  },
  share: async ({ demo, visit, makeFile }, use) => {
    await use(async (bytes) => {
      const file = await makeFile(bytes);
      const sender = await visit(demo.url);
      return { ...file, sender, link: await pickFile(sender, file.path) };
    });
  },
});

/** Picks a file on the sender's page; resolves with the link that it shows. */
export async function pickFile(page: Page, path: string): Promise<string> {
  await page.getByTestId('file-input').setInputFiles(path);
  await expect(page.getByTestId('sender')).toHaveAttribute('data-state', 'online');
  return await page.getByTestId('share-link').inputValue();
}

/** The native save dialog cannot be answered by a test; without it the page falls back to an ordinary download. */
function withoutSaveDialog(): void {
  Reflect.deleteProperty(window, 'showSaveFilePicker');
}
