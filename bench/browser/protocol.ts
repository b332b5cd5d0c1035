/** What page and Node say to each other: inside a stream (fixed-size messages) and by way of the page's server (JSON). */
import type { CarrierName } from '../carriers/carrier.js';

export type Direction = 'page-to-node' | 'node-to-page';
export type Visibility = 'visible' | 'hidden';

export interface Transfer {
  direction: Direction;
  writeBytes: number;
  /** A multiple of `writeBytes`. */
  totalBytes: number;
  /** SHA-256 at both ends; such a transfer is not for timing. */
  hashed: boolean;
}

export interface TransferResult {
  bytes: number;
  /** From the first write to the receiver's word that it has counted the last byte, at the sender's clock. */
  ms: number;
  /** Every visibility that the page has had meanwhile. */
  visibilities: Visibility[];
}

export type Order =
  | { kind: 'transfer'; carrier: CarrierName; relayPort: number; transfer: Transfer }
  /** Goes behind another tab; the answer is the visibility that the page then sees. */
  | { kind: 'hide' };

export type Answer = { result: unknown } | { failure: string };

/**
 *   page-to-node:  page ──request, bytes──> Node       page <──reports── Node
 *   node-to-page:  page ──request──> Node ──bytes──> page ──report──> Node ──verdict──> page
 */
export interface Request extends Transfer {
  /** page-to-node: a report comes back after each, and after the last byte. */
  reportEveryBytes: number;
}

export const REQUEST_BYTES = 32;
const HASH_BYTES = 32;
export const REPORT_BYTES = 8 + HASH_BYTES;
export const VERDICT_BYTES = 8;

export function encodeRequest({ direction, hashed, writeBytes, totalBytes, reportEveryBytes }: Request): Uint8Array {
  const bytes = new Uint8Array(REQUEST_BYTES);
  const view = viewOf(bytes);
  view.setUint8(0, direction === 'page-to-node' ? 0 : 1);
  view.setUint8(1, hashed ? 1 : 0);
  view.setFloat64(8, totalBytes);
  view.setFloat64(16, writeBytes);
  view.setFloat64(24, reportEveryBytes);
  return bytes;
}

export function decodeRequest(bytes: Uint8Array): Request {
  const view = viewOf(bytes);
  return {
    direction: view.getUint8(0) === 0 ? 'page-to-node' : 'node-to-page',
    hashed: view.getUint8(1) === 1,
    totalBytes: view.getFloat64(8),
    writeBytes: view.getFloat64(16),
    reportEveryBytes: view.getFloat64(24),
  };
}

export interface Report {
  count: number;
  /** Zeros where nobody asked for it. */
  hash: Uint8Array;
}

export function encodeReport({ count, hash }: Report): Uint8Array {
  const bytes = new Uint8Array(REPORT_BYTES);
  viewOf(bytes).setFloat64(0, count);
  bytes.set(hash, 8);
  return bytes;
}

export function decodeReport(bytes: Uint8Array): Report {
  return { count: viewOf(bytes).getFloat64(0), hash: bytes.slice(8, REPORT_BYTES) };
}

/** The milliseconds it took; NaN when the report was not about what was sent. */
export function encodeVerdict(ms: number): Uint8Array {
  const bytes = new Uint8Array(VERDICT_BYTES);
  viewOf(bytes).setFloat64(0, ms);
  return bytes;
}

export function decodeVerdict(bytes: Uint8Array): number {
  return viewOf(bytes).getFloat64(0);
}

/** @throws Error unless the receiver has counted, and where asked hashed, what was sent */
export function assertReport(report: Report, totalBytes: number, hash: Uint8Array | undefined): void {
  if (report.count !== totalBytes) throw new Error(`${report.count} bytes arrived of ${totalBytes}`);
  if (hash?.some((byte, index) => byte !== report.hash[index])) throw new Error('what arrived is not what was sent');
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
