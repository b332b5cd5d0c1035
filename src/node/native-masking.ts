import { createRequire } from 'node:module';
import { type Masking, portableMasking } from './masking.js';

/** Below these, a call into native code costs more than it saves (the same bounds that `ws` has measured). */
const NATIVE_MASK_FROM_BYTES = 48;
const NATIVE_UNMASK_FROM_BYTES = 32;

/** The part of `bufferutil` that is used. */
interface BufferUtil {
  mask(source: Uint8Array, key: Uint8Array, target: Uint8Array, at: number, length: number): void;
  unmask(bytes: Uint8Array, key: Uint8Array): void;
}

const bufferUtil = loadBufferUtil();

/** `bufferutil` where it is installed, and the portable code where it is not. */
export const masking: Masking = bufferUtil === undefined ? portableMasking : nativeMasking(bufferUtil);

/** It is an optional dependency, with prebuilt binaries for the common platforms. */
function loadBufferUtil(): BufferUtil | undefined {
  try {
    return createRequire(import.meta.url)('bufferutil') as BufferUtil;
  } catch {
    return undefined;
  }
}

function nativeMasking(native: BufferUtil): Masking {
  return {
    mask(source, key, target, at) {
      if (source.length < NATIVE_MASK_FROM_BYTES) portableMasking.mask(source, key, target, at);
      else native.mask(source, key, target, at, source.length);
    },
    unmask(bytes, key) {
      if (bytes.length < NATIVE_UNMASK_FROM_BYTES) portableMasking.unmask(bytes, key);
      else native.unmask(bytes, key);
    },
  };
}
