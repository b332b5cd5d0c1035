/** One of the three processes of a carrier. Started by worker-handle.ts, which it answers over IPC. */

import { type CarrierName, type Line, loadCarrier } from './carriers/carrier.js';
import { type CommandName, runCommand } from './commands.js';
import { serve } from './far-end.js';
import { startProfile } from './profile.js';
import type { Role } from './worker-handle.js';

export type Order =
  /** Begins the role; the answer of a relay is its port. */
  | { kind: 'start'; relayPort?: number }
  | { kind: 'run'; command: CommandName; args: unknown }
  /** The answer is the CPU time used so far, milliseconds. */
  | { kind: 'cpu' };

const [, , carrierName, role, profile] = process.argv as [string, string, CarrierName, Role, string?];
const carrier = await loadCarrier(carrierName);
const stopProfile = profile === undefined ? undefined : await startProfile(profile);
let line: Line | undefined;

async function obey(order: Order): Promise<unknown> {
  switch (order.kind) {
    case 'start':
      return start(order.relayPort);
    case 'run':
      if (line === undefined) throw new Error(`a ${role} runs no commands`);
      return runCommand(line, order.command, order.args);
    case 'cpu': {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    }
  }
}

async function start(relayPort = 0): Promise<number> {
  if (role === 'relay') return carrier.startRelay();
  if (role === 'listener') await carrier.listen(relayPort, serve);
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
