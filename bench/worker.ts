/** One of the three processes of a carrier. Started by worker-handle.ts, which it answers over IPC. */

import { serve as servePage } from './browser/far-end.js';
import { type CarrierName, type Line, loadCarrier } from './carriers/carrier.js';
import { type CommandName, runCommand } from './commands.js';
import { serve } from './far-end.js';
import { startProfile } from './profile.js';
import { readUsage } from './usage.js';
import type { Role } from './worker-handle.js';

export type Order =
  /**
   * Begins the role; the answer of a relay is its port. `pageOrigin`: of the page that will come to it. A listener that serves
   * a page speaks the page's protocol.
   */
  | { kind: 'start'; relayPort?: number; pageOrigin?: string; servesPage?: boolean }
  | { kind: 'run'; command: CommandName; args: unknown }
  /** The answer is a `Usage`; with `collect`, after a garbage collection. */
  | { kind: 'usage'; collect: boolean };

const [, , carrierName, role, profile] = process.argv as [string, string, CarrierName, Role, string?];
const carrier = await loadCarrier(carrierName);
const stopProfile = profile === undefined ? undefined : await startProfile(profile);
let line: Line | undefined;

async function obey(order: Order): Promise<unknown> {
  switch (order.kind) {
    case 'start':
      return start(order);
    case 'run':
      if (line === undefined) throw new Error(`a ${role} runs no commands`);
      return runCommand(line, order.command, order.args);
    case 'usage':
      return readUsage(order.collect);
  }
}

async function start(order: Extract<Order, { kind: 'start' }>): Promise<number> {
  const { relayPort = 0, pageOrigin, servesPage = false } = order;
  if (role === 'relay') return carrier.startRelay(pageOrigin);
  if (role === 'listener') await carrier.listen(relayPort, servesPage ? servePage : serve);
  else line = await carrier.connect(relayPort);
  return relayPort;
}

process.on('message', async (order: Order) => {
  try {
    process.send?.({ result: await obey(order) });
  } catch (error) {
    process.send?.({ failure: String((error as Error).stack) });
  }
});
process.on('disconnect', async () => {
  await stopProfile?.();
  process.exit();
});
process.send?.({ result: 'ready' });
