import type { ErrorCode } from '../protocol/codes.js';

/** Any other status may be of a proxy, or of a server that is about to start, and is worth another dial. */
const CODES: Readonly<Record<string, ErrorCode>> = { 401: 'UNAUTHENTICATED', 403: 'FORBIDDEN' };
/** What `ws` says of an upgrade that was answered otherwise. A page is not told the status. */
const UNEXPECTED = /^Unexpected server response: (\d+)$/;

/** The code of a dial that failed with this message: lost, if it was not the server that said no. */
export function dialFailureCode(message: string | undefined): ErrorCode {
  const [, status = ''] = UNEXPECTED.exec(message ?? '') ?? [];
  return CODES[status] ?? 'CONNECTION_LOST';
}
