// Memory after much use of one tunnel without a relay, both ends in this process. By hand:
//   npx tsx test/soak/leakage.ts                       1 GiB, and 100,000 streams, over TCP and over a WebSocket
import { parseArgs } from 'node:util';
import { type Carrier, openTunnelPair } from '../support/tunnel-pair.js';
import { grownBytes, type Leakage, openStreams, sendBytes } from './leakage-run.js';

const { values } = parseArgs({
  options: { mib: { type: 'string', default: '1024' }, streams: { type: 'string', default: '100000' } },
});
const SAMPLES = 16;
/** What V8 keeps of compiled code, and its own tables, grows by less; a leak of one byte in ten does not. */
const TOLERANCE_BYTES = 2 * 1024 * 1024;

for (const carrier of ['tcp', 'websocket'] satisfies Carrier[]) {
  const pair = await openTunnelPair(carrier);
  report(`${carrier}: MiB sent`, await sendBytes(pair, Number(values.mib), SAMPLES));
  report(`${carrier}: streams opened and closed`, await openStreams(pair, Number(values.streams), SAMPLES));
  await pair.close();
}

function report(title: string, leakage: Leakage): void {
  console.log(title);
  for (const [index, amount] of leakage.amounts.entries()) {
    const used = ((leakage.usedBytes[index] as number) / 1024 / 1024).toFixed(2);
    console.log(`  ${Math.round(amount).toLocaleString('en').padStart(10)}  ${used.padStart(8)} MiB in use`);
  }
  const grown = grownBytes(leakage);
  const verdict = grown <= TOLERANCE_BYTES ? 'flat' : 'GROWS';
  console.log(`  from the first quarter to the end: ${(grown / 1024).toFixed(0)} KiB, ${verdict}`);
  if (grown > TOLERANCE_BYTES) process.exitCode = 1;
}
