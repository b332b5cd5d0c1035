/** Relay or Node endpoint of a carrier, in a process of its own. Started by worker-handle.ts, answers over IPC. */

import { type CarrierName, loadCarrier } from '../carriers/carrier.js';
import { serve } from './far-end.js';

export type WorkerRole = 'relay' | 'endpoint';
export type WorkerOrder =
  /** Begins the role; the answer is the relay's port. */
  | { kind: 'start'; relayPort?: number }
  /** The answer is the CPU time used so far, milliseconds. */
  | { kind: 'cpu' };

const [, , carrierName, role] = process.argv as [string, string, CarrierName, WorkerRole];
const carrier = await loadCarrier(carrierName);

async function obey(order: WorkerOrder): Promise<number> {
  if (order.kind === 'cpu') {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  }
  if (role === 'relay') return carrier.startRelay();
  const { relayPort = 0 } = order;
  await carrier.listen(relayPort, serve);
  return relayPort;
}

process.on('message', async (order: WorkerOrder) => {
  try {
    process.send?.({ result: await obey(order) });
  } catch (error) {
    process.send?.({ failure: String((error as Error).stack) });
  }
});
process.on('disconnect', () => process.exit());
process.send?.({ result: 0 });
