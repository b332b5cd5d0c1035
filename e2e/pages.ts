import type { Browser, BrowserContext, Page } from '@playwright/test';

/** Opens a page in a browser context of its own: another person's browser. The script runs in it before its own do. */
export type OpenPage = (url: string, initScript?: () => void) => Promise<Page>;

/** The pages are closed after `use`, which is a fixture's. */
export async function usePages(browser: Browser, use: (openPage: OpenPage) => Promise<void>): Promise<void> {
  const contexts: BrowserContext[] = [];
  await use(async (url, initScript) => {
    const context = await browser.newContext();
    contexts.push(context);
    if (initScript) await context.addInitScript(initScript);
    const page = await context.newPage();
    // What a page reports and no test asks for is a finding: it fails the test.
    page.on('pageerror', (error) => {
      throw error;
    });
    await page.goto(url);
    return page;
  });
  for (const context of contexts) await context.close();
}
