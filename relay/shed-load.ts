import type { ConnectionCore } from '../src/core/connection.js';
import type { LiveSplice } from './counters.js';

/** For whom most is held here: whoever takes the least of what is sent to it. */
export function mostHeldFor(splices: Iterable<LiveSplice>): ConnectionCore | undefined {
  const heldFor = new Map<ConnectionCore, number>();
  const add = ({ connection }: { connection: ConnectionCore }, bytes: number): void => {
    if (bytes > 0) heldFor.set(connection, (heldFor.get(connection) ?? 0) + bytes);
  };
  for (const { client, listener, toClient, toListener } of splices) {
    add(client, toClient.queued);
    add(listener, toListener.queued);
  }
  let most: [ConnectionCore | undefined, number] = [undefined, 0];
  for (const entry of heldFor) if (entry[1] > most[1]) most = entry;
  return most[0];
}
