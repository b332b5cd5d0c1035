import { encodeUtf8, truncateUtf8 } from '../protocol/utf8.js';

/** What file systems allow in one name, in UTF-8. */
const MAX_NAME_BYTES = 255;
/** A longer "extension" is part of the name. */
const MAX_EXTENSION_BYTES = 32;
const PART = '.part';
const PART_NAME = /\.part$/i;

/** What Windows forbids in a name, and control characters; those that reverse text, so that `gpj.exe` reads as `exe.jpg`. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const FORBIDDEN = /[<>:"|?*]/g;
const LONE_SURROGATE = /\p{Surrogate}/gu;
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)/i;

/**
 * The name that the other side offered, as one of a file in a folder of ours: never a path, never hidden, never a device of
 * Windows, never one that we use ourselves for parts; at most 255 bytes. The same again when it is made safe again.
 */
export function safeFileName(offered: string): string {
  const last = offered.slice(Math.max(offered.lastIndexOf('/'), offered.lastIndexOf('\\')) + 1);
  const visible = last.replace(INVISIBLE, '').replace(LONE_SURROGATE, '_').replace(FORBIDDEN, '_');
  const trimmed = trim(visible.replace(/^[.\s]+/, ''));
  if (trimmed === '') return 'file';
  const name = trim(withSuffix(DEVICE.test(trimmed) ? `_${trimmed}` : trimmed, ''));
  return PART_NAME.test(name) ? withSuffix(name, '_') : name;
}

/** `photo (1).jpg` */
export function numberedName(name: string, number: number): string {
  if (number === 0) return name;
  const { stem, extension } = split(name);
  return withSuffix(stem, ` (${number})${extension}`);
}

/** Where the file is while it comes. */
export function partName(name: string): string {
  return truncateUtf8(name, MAX_NAME_BYTES - PART.length) + PART;
}

/** Windows drops dots and spaces at the end, and means another file. */
function trim(name: string): string {
  return name.replace(/[.\s]+$/, '');
}

/** Shortened if it must be, with its extension kept. */
function withSuffix(name: string, suffix: string): string {
  const { stem, extension } = split(name);
  const tail = extension + suffix;
  return truncateUtf8(stem, MAX_NAME_BYTES - encodeUtf8(tail).length) + tail;
}

function split(name: string): { stem: string; extension: string } {
  const dot = name.lastIndexOf('.');
  const extension = dot > 0 ? name.slice(dot) : '';
  if (encodeUtf8(extension).length > MAX_EXTENSION_BYTES) return { stem: name, extension: '' };
  return { stem: name.slice(0, dot > 0 ? dot : undefined), extension };
}
