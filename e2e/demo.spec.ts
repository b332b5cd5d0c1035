import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type BrowserContext, test as base, expect, type Page } from '@playwright/test';

const FILE_BYTES = 24 * 1024 * 1024;
/** Takes seconds, so that a page can be closed in the middle. */
const LARGE_FILE_BYTES = 240 * 1024 * 1024;

interface Fixtures {
  /** The demo as `npm start` runs it; its URL. */
  demo: { url: string; stop(): Promise<number | null> };
  /** A page in a browser context of its own: another person's browser. */
  visit(url: string): Promise<Page>;
  /** Makes a file of random bytes. */
  makeFile(bytes: number): Promise<{ path: string; sha256: string }>;
}

const test = base.extend<Fixtures>({
  demo: async ({ playwright: _ }, use) => {
    const child = spawn(process.execPath, ['dist/demo-server.js', '--port', '0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const stop = () => {
      child.kill('SIGTERM');
      return exited;
    };
    await use({ url: await printedUrl(child), stop });
    await stop();
  },
  visit: async ({ browser }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (url) => {
      const context = await browser.newContext();
      contexts.push(context);
      // The native save dialog cannot be answered by a test; without it the page falls back to an ordinary download.
      await context.addInitScript(() => Reflect.deleteProperty(window, 'showSaveFilePicker'));
      const page = await context.newPage();
      page.on('pageerror', (error) => {
        throw error;
      });
      await page.goto(url);
      return page;
    });
    for (const context of contexts) await context.close();
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
});

function printedUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the demo server ended with ${code}`)));
    if (child.stdout) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const url = /http:\/\/\S+/.exec(line)?.[0];
        if (url) resolve(url);
      });
    }
  });
}

/** Picks a file on the sender's page; resolves with the link that it shows. */
async function share(page: Page, path: string): Promise<string> {
  await page.getByTestId('file-input').setInputFiles(path);
  await expect(page.getByTestId('sender')).toHaveAttribute('data-state', 'online');
  return await page.getByTestId('share-link').inputValue();
}

async function picture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: `.cache/e2e/pictures/${name}.png` });
}

test('a file dropped in one browser is downloaded in another, from the first page', async ({
  demo,
  visit,
  makeFile,
}) => {
  const file = await makeFile(FILE_BYTES);
  const sender = await visit(demo.url);
  await picture(sender, 'sender-idle');
  const link = await share(sender, file.path);
  await picture(sender, 'sender-sharing');

  const receiver = await visit(link);
  await expect(receiver.getByTestId('offer-name')).toHaveText('holiday.mov');
  await picture(receiver, 'receiver-offer');
  const download = receiver.waitForEvent('download');
  await receiver.getByTestId('download').click();
  const saved = await (await download).path();
  expect(
    createHash('sha256')
      .update(await readFile(saved))
      .digest('hex'),
  ).toBe(file.sha256);

  await expect(receiver.getByTestId('checksum-result')).toContainText(/match/i);
  await expect(receiver.getByTestId('checksum-sender')).toHaveText(file.sha256);
  await expect(receiver.getByTestId('checksum-receiver')).toHaveText(file.sha256);
  await expect(sender.getByTestId('download-row')).toHaveAttribute('data-state', 'done');
  await expect(sender.getByTestId('row-status')).toContainText(/checksums match/i);
  await picture(receiver, 'receiver-done');
  await picture(sender, 'sender-done');
});

test('a sender that declines is shown in plain words', async ({ demo, visit, makeFile }) => {
  const file = await makeFile(FILE_BYTES);
  const sender = await visit(demo.url);
  const link = await share(sender, file.path);
  await sender.getByTestId('ask-toggle').check();
  const receiver = await visit(link);
  await receiver.getByTestId('download').click();
  await sender.getByTestId('row-decline').click();
  await expect(receiver.getByTestId('failure-title')).toContainText(/declined/i);
  await picture(receiver, 'receiver-declined');
});

test('a sender that vanishes in the middle of a download is shown in plain words', async ({
  demo,
  visit,
  makeFile,
}) => {
  const sender = await visit(demo.url);
  const receiver = await visit(await share(sender, (await makeFile(LARGE_FILE_BYTES)).path));
  await receiver.getByTestId('download').click();
  await expect(receiver.getByTestId('receiver')).toHaveAttribute('data-state', 'receiving');
  await picture(receiver, 'receiver-in-progress');
  await sender.close();
  await expect(receiver.getByTestId('failure')).toBeVisible();
  await expect(receiver.getByTestId('failure-code')).toContainText('LISTENER_GONE');
  await picture(receiver, 'receiver-sender-gone');
});

test('a receiver that vanishes in the middle is shown to the sender, who goes on sharing', async ({
  demo,
  visit,
  makeFile,
}) => {
  const sender = await visit(demo.url);
  const receiver = await visit(await share(sender, (await makeFile(LARGE_FILE_BYTES)).path));
  await receiver.getByTestId('download').click();
  const row = sender.getByTestId('download-row');
  await expect(row).toHaveAttribute('data-state', 'sending');
  await picture(sender, 'sender-in-progress');
  await receiver.close();
  await expect(row).toHaveAttribute('data-state', 'failed');
  await expect(sender.getByTestId('sender')).toHaveAttribute('data-state', 'online');
});

test('an unknown link is shown in plain words', async ({ demo, visit }) => {
  const receiver = await visit(`${demo.url}#nobody-shares-this`);
  await expect(receiver.getByTestId('failure-code')).toContainText('NO_LISTENER');
  await expect(receiver.getByTestId('failure-text')).toContainText(/sender/i);
  await picture(receiver, 'receiver-unknown-link');
});

test('the server stops cleanly with pages open', async ({ demo, visit, makeFile }) => {
  const file = await makeFile(FILE_BYTES);
  const sender = await visit(demo.url);
  await share(sender, file.path);
  expect(await demo.stop()).toBe(0);
  await expect(sender.getByTestId('share-failure')).toBeVisible();
});
