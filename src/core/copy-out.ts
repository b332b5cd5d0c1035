/** A part smaller than this share of the memory it lies in gets memory of its own. Turns of 16 KiB are not copied. */
const COPY_OUT_SHARE = 8;

/**
 * For a part of a message that will be kept: a few bytes must not keep the whole message alive, or what is held would
 * not be bounded by what is counted.
 */
export function copyOut(part: Uint8Array): Uint8Array {
  // Not `slice`: that of a Node Buffer does not copy.
  return part.length * COPY_OUT_SHARE < part.buffer.byteLength ? new Uint8Array(part) : part;
}
