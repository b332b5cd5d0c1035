import { CODES, type ErrorCode, TrunklineError } from '../../src/index.js';
import { type TransferCode, TransferError } from './transfer-format.js';

/** A failure in plain words. The code is for whoever is asked for help. */
export interface Failure {
  title: string;
  text: string;
  code: string;
  canRetry: boolean;
}

/** How one page of this demo says no, or stops, to the other; it travels as `appCode`. */
export type AppCode = 'DECLINED' | 'NO_ANSWER' | 'STOPPED' | 'SENDER_CANCELED' | 'RECEIVER_CANCELED' | 'NOT_SAVED';

/** An error to end a stream with. */
export function endingWith(code: AppCode, text: string, cause?: unknown): Error {
  return Object.assign(new Error(text, { cause }), { code });
}

type Words = readonly [title: string, text: string, canRetry?: boolean];
type Table<Codes extends string> = Readonly<Partial<Record<Codes, Words>>>;

const KEEP_OPEN = 'Ask the sender to keep the page open.';
const BUSY: Words = ['Too many downloads at once.', 'Please try again in a moment.', true];

const TO_EITHER: Table<ErrorCode> = {
  CONNECTION_LOST: [
    'The connection was lost.',
    'The server that connects both pages cannot be reached. Check your network.',
    true,
  ],
  RESUME_EXPIRED: [
    'The connection did not come back.',
    'The server that connects both pages could not be reached for two minutes. Check your network.',
    true,
  ],
  RESUME_UNKNOWN: ['The connection was lost.', 'The other page was closed or reloaded meanwhile.', true],
  SUPERSEDED: ['This link was taken over.', 'The same file is shared from another page now.'],
  TUNNEL_CLOSED: ['The connection was closed.', 'The other page or the server ended it.', true],
  HANDSHAKE_TIMEOUT: ['The server does not answer.', 'The server that connects both pages takes too long.', true],
  GOING_AWAY: [
    'The server is shutting down.',
    'The server that connects both pages is being stopped or restarted.',
    true,
  ],
  UNAUTHENTICATED: ['The server does not let this page in.', ''],
  FORBIDDEN: ['The server does not let this page in.', ''],
};

const TO_RECEIVER: Table<ErrorCode | AppCode | TransferCode> = {
  ...TO_EITHER,
  NO_LISTENER: ['Nobody is sharing under this link (any more).', KEEP_OPEN, true],
  LISTENER_GONE: [
    'The sender is gone.',
    `The page that shares the file was closed or lost its connection. ${KEEP_OPEN}`,
    true,
  ],
  RESUME_EXPIRED: [
    'The connection did not come back.',
    'The sender, or the server that connects both pages, could not be reached for two minutes.',
    true,
  ],
  RESUME_UNKNOWN: ['The sender is gone.', `The page that shares the file was closed or reloaded. ${KEEP_OPEN}`, true],
  REFUSED: ['The sender declined.', ''],
  DECLINED: ['The sender declined.', 'The sender was asked about this download and said no.'],
  ACCEPT_TIMEOUT: ['The sender did not answer.', KEEP_OPEN, true],
  NO_ANSWER: [
    'The sender did not answer.',
    'The sender is asked before each download, and did not answer in time.',
    true,
  ],
  CANCELED: ['The sender ended the download.', '', true],
  STOPPED: ['The sender stopped sharing.', 'Ask the sender for a new link.'],
  SENDER_CANCELED: ['The sender canceled this download.', 'Ask the sender, or try again.', true],
  BAD_NAME: ['This is not a complete link.', 'Please copy the whole link from the sender’s page.'],
  LIMIT_STREAMS: BUSY,
  LIMIT_RATE: BUSY,
  NOT_SAVED: ['The file could not be saved.', 'Check that there is room on the disk, and try again.', true],
  TOO_SHORT: ['The file is not complete.', 'The sender ended before the last byte. Nothing was saved.', true],
  TOO_LONG: [
    'This is not the file that was announced.',
    'More came than the sender had said. Nothing was saved.',
    true,
  ],
  CHECKSUM_DIFFERS: ['The file arrived damaged.', 'The checksums of both sides differ. Nothing was saved.', true],
  BAD_OFFER: ['This link does not share a file.', 'Something else listens under it.'],
  FILE_UNREADABLE: [
    'The sender cannot read the file any more.',
    'It was moved or changed since it was shared. Ask the sender to share it again.',
  ],
};

/** One line each, beside a download. */
const TO_SENDER: Table<ErrorCode | AppCode | TransferCode> = {
  CONNECTION_LOST: ['The receiver left or lost its connection', ''],
  LISTENER_GONE: ['The receiver left or lost its connection', ''],
  RESUME_EXPIRED: ['The receiver did not come back', ''],
  RESUME_UNKNOWN: ['The receiver left', ''],
  SUPERSEDED: ['The link was taken over by another page', ''],
  TUNNEL_CLOSED: ['The receiver left', ''],
  GOING_AWAY: ['The server is shutting down', ''],
  CANCELED: ['The receiver ended it', ''],
  RECEIVER_CANCELED: ['Canceled by the receiver', ''],
  SENDER_CANCELED: ['Canceled', ''],
  STOPPED: ['Stopped', ''],
  NOT_SAVED: ['The receiver could not save it', ''],
  TOO_SHORT: ['The receiver got too few bytes', ''],
  TOO_LONG: ['The receiver got too many bytes', ''],
  CHECKSUM_DIFFERS: ['The receiver’s checksum differs', ''],
  FILE_UNREADABLE: ['The file cannot be read any more. Was it moved or changed?', ''],
};

/** What to tell the one who downloads. */
export function explainToReceiver(error: unknown): Failure {
  return explain(error, TO_RECEIVER);
}

/** One line about a download that ended, for the one who shares. */
export function explainToSender(error: unknown): Failure {
  return explain(error, TO_SENDER);
}

/** Why the name is not held right now, for the one who shares. */
export function explainOffline(error: unknown): Failure {
  return explain(error, TO_EITHER);
}

/** The application's own code says more than CANCELED or REFUSED, which carry it. */
function explain(error: unknown, table: Table<string>): Failure {
  const { code, appCode, message } = partsOf(error);
  const words = lookUp(table, appCode) ?? lookUp(table, code);
  const codes = appCode === undefined ? code : `${code} ${appCode}`;
  if (words === undefined) return { title: 'Something went wrong.', text: message, code: codes, canRetry: true };
  const [title, text, canRetry = false] = words;
  return { title, text: text || ownSentence(error), code: codes, canRetry };
}

function partsOf(error: unknown): { code: string; appCode?: string | undefined; message: string } {
  if (error instanceof TrunklineError) return error;
  if (!(error instanceof Error)) return { code: 'ERROR', message: String(error) };
  const code: unknown = error instanceof TransferError ? error.code : (error as { code?: unknown }).code;
  return { code: typeof code === 'string' ? code : error.name, message: error.message };
}

/** Codes come from the other side, too: only what the table itself has counts. */
function lookUp(table: Table<string>, code: string | undefined): Words | undefined {
  return code !== undefined && Object.hasOwn(table, code) ? table[code] : undefined;
}

/** Where we have nothing to add, the other side's reason stands. */
function ownSentence(error: unknown): string {
  if (!(error instanceof TrunklineError) || error.message === CODES[error.code].meaning) return '';
  return `The reason given: “${error.message}”`;
}
