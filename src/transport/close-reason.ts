import { truncateUtf8 } from '../protocol/utf8.js';

/** RFC 6455 section 5.5: a control frame has at most 125 bytes of payload, two of which are the status code. */
const MAX_CLOSE_REASON_BYTES = 123;

export const CloseCode = {
  normal: 1000,
  /** A page may only use 1000 and 3000 to 4999; what went wrong was said in GOAWAY. */
  failed: 4000,
} as const;

export function closeReason(text: string): string {
  return truncateUtf8(text, MAX_CLOSE_REASON_BYTES);
}
