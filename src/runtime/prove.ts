// The one import of @noble/hashes: a page has no hash that answers at once, and the core cannot wait.
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

/** 128 bits are what a secret has; more would prove no more. */
const PROOF_BYTES = 16;

/** HMAC-SHA-256 of the statement, cut to 128 bits, as 32 hexadecimal digits. */
export function prove(key: string, statement: string): string {
  return bytesToHex(hmac(sha256, utf8ToBytes(key), utf8ToBytes(statement)).subarray(0, PROOF_BYTES));
}

/** What an endpoint is known by to others: its secret would let them be that endpoint. */
export function hashEndpoint(secret: string): string {
  return bytesToHex(sha256(utf8ToBytes(secret)).subarray(0, PROOF_BYTES));
}
