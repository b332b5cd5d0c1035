import { expect, test } from '@playwright/test';

test('a page opens', async ({ page }) => {
  await page.setContent('<title>trunkline</title>');
  expect(await page.title()).toBe('trunkline');
});
