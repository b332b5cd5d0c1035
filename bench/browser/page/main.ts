/** The measured page: asks its server what to do, does it, tells the result with the next question. */

import type { Answer, Order } from '../protocol.js';
import { runTransfer } from './transfer.js';
import { goBehindAnotherTab } from './visibility.js';

let answer: Answer = { result: document.visibilityState };
for (;;) {
  const response = await fetch('/orders', { method: 'POST', body: JSON.stringify(answer) });
  if (!response.ok) break;
  answer = await obey((await response.json()) as Order);
}

async function obey(order: Order): Promise<Answer> {
  try {
    return { result: order.kind === 'hide' ? await goBehindAnotherTab() : await runTransfer(order) };
  } catch (error) {
    return { failure: String((error as Error).stack) };
  }
}
