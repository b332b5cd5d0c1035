import { MASK_KEY_BYTES } from './websocket-frames.js';

/** RFC 6455 section 5.3: each byte is XORed with one of the key's four, in turn. */
export interface Masking {
  /** XORs `source` into `target` from `at` on; the first byte with `key[0]`. */
  mask(source: Uint8Array, key: Uint8Array, target: Uint8Array, at: number): void;
  /** XORs in place. */
  unmask(bytes: Uint8Array, key: Uint8Array): void;
}

/** Below this, making a view of words costs more than it saves. */
const WORDS_FROM_BYTES = 64;
const WORD_BYTES = 4;

/** What works everywhere. A word at a time: several times as fast as byte by byte, several times slower than native code. */
export const portableMasking: Masking = {
  mask(source, key, target, at) {
    target.set(source, at);
    xor(target, at, at + source.length, key);
  },
  unmask(bytes, key) {
    xor(bytes, 0, bytes.length, key);
  },
};

/** The key for what follows after so many bytes. */
export function rotateKey(key: Uint8Array, bytes: number): Uint8Array {
  const phase = bytes % MASK_KEY_BYTES;
  if (phase === 0) return key;
  return Uint8Array.from(key, (_, index) => key[(index + phase) % MASK_KEY_BYTES] as number);
}

function xor(bytes: Uint8Array, start: number, end: number, key: Uint8Array): void {
  if (end - start < WORDS_FROM_BYTES) return xorBytes(bytes, start, end, key, 0);
  const misaligned = (bytes.byteOffset + start) % WORD_BYTES;
  const wordsAt = misaligned === 0 ? start : start + WORD_BYTES - misaligned;
  const wordCount = Math.floor((end - wordsAt) / WORD_BYTES);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + wordsAt, wordCount);
  // The key in the order of this machine's memory, so that it does not matter which one that is.
  const keyWord = new Uint32Array(Uint8Array.from(rotateKey(key, wordsAt - start)).buffer)[0] as number;
  xorBytes(bytes, start, wordsAt, key, 0);
  for (let index = 0; index < wordCount; index++) words[index] = (words[index] as number) ^ keyWord;
  const restAt = wordsAt + wordCount * WORD_BYTES;
  xorBytes(bytes, restAt, end, key, restAt - start);
}

function xorBytes(bytes: Uint8Array, start: number, end: number, key: Uint8Array, phase: number): void {
  for (let at = start; at < end; at++) {
    bytes[at] = (bytes[at] as number) ^ (key[(at - start + phase) % MASK_KEY_BYTES] as number);
  }
}
