import {
  assertReport,
  decodeReport,
  decodeVerdict,
  encodeReport,
  encodeRequest,
  type Order,
  REPORT_BYTES,
  type Transfer,
  type TransferResult,
  VERDICT_BYTES,
} from '../protocol.js';
import type { PageLine, PageStream } from './line.js';
import { rawWs } from './raw-ws.js';
import { ReplyReader } from './reply-reader.js';
import { chunkAt, writeAll } from './source.js';
import { trunkline } from './trunkline.js';
import { watchVisibility } from './visibility.js';

const lines = new Map<number, PageLine>();

export async function runTransfer(order: Extract<Order, { kind: 'transfer' }>): Promise<TransferResult> {
  const { carrier, relayPort, transfer } = order;
  const line = lines.get(relayPort) ?? (carrier === 'trunkline' ? trunkline : rawWs)(relayPort);
  lines.set(relayPort, line);
  const stream = await line.open();
  const visibilities = watchVisibility();
  const reportEveryBytes = Math.min(transfer.totalBytes, line.reportEveryBytes ?? Number.POSITIVE_INFINITY);
  const request = encodeRequest({ ...transfer, reportEveryBytes });
  const ms = await (transfer.direction === 'page-to-node' ? send : receive)(stream, request, transfer);
  const result = { bytes: transfer.totalBytes, ms, visibilities: visibilities() };
  await stream.close();
  return result;
}

async function send(stream: PageStream, request: Uint8Array, transfer: Transfer): Promise<number> {
  const { writeBytes, totalBytes, hashed } = transfer;
  const hash = hashed ? await hashOfAll(transfer) : undefined;
  const replies = new ReplyReader(stream);
  const started = performance.now();
  stream.write(request);
  await writeAll(stream, writeBytes, totalBytes);
  let report = decodeReport(await replies.read(REPORT_BYTES));
  while (report.count < totalBytes) report = decodeReport(await replies.read(REPORT_BYTES));
  const ms = performance.now() - started;
  assertReport(report, totalBytes, hash);
  return ms;
}

async function hashOfAll({ writeBytes, totalBytes }: Transfer): Promise<Uint8Array> {
  const all = new Uint8Array(totalBytes);
  for (let at = 0; at < totalBytes; at += writeBytes) all.set(chunkAt(at, writeBytes), at);
  return sha256(all);
}

async function receive(stream: PageStream, request: Uint8Array, transfer: Transfer): Promise<number> {
  const { totalBytes, hashed } = transfer;
  const all = hashed ? new Uint8Array(totalBytes) : undefined;
  let count = 0;
  const verdict = new Promise<Uint8Array>((resolve) => {
    stream.onData((bytes) => {
      if (count >= totalBytes) return resolve(bytes);
      all?.set(bytes, count);
      count += bytes.length;
      if (count >= totalBytes) void reportOn(stream, count, all);
    });
  });
  stream.write(request);
  const bytes = await verdict;
  if (bytes.length !== VERDICT_BYTES) throw new Error(`${bytes.length} more bytes arrived than were sent`);
  const ms = decodeVerdict(bytes);
  if (Number.isNaN(ms)) throw new Error('what arrived is not what was sent');
  return ms;
}

async function reportOn(stream: PageStream, count: number, all: Uint8Array<ArrayBuffer> | undefined): Promise<void> {
  stream.write(encodeReport({ count, hash: all === undefined ? new Uint8Array() : await sha256(all) }));
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}
