import { type ErrorCode, TrunklineError } from '../../src/index.js';
import { TransferError } from './transfer-format.js';

/** A failure in plain words. The code is for whoever is asked for help. */
export interface Failure {
  title: string;
  text: string;
  code: string;
  canRetry: boolean;
}

/** How a sender of this demo says no, or stops; it travels as `appCode`. */
export type AppCode = 'DECLINED' | 'NO_ANSWER' | 'STOPPED' | 'SENDER_CANCELED' | 'FILE_UNREADABLE';

type Words = readonly [title: string, text: string, canRetry?: boolean];

const KEEP_OPEN = 'Ask the sender to keep the page open.';
const RELAY_LOST: Words = [
  'The connection was lost.',
  'The server that connects both pages cannot be reached. Check your network.',
  true,
];

const APP_WORDS: Readonly<Record<AppCode, Words>> = {
  DECLINED: ['The sender declined.', 'The sender was asked about this download and said no.'],
  NO_ANSWER: [
    'The sender did not answer.',
    'The sender is asked before each download, and did not answer in time.',
    true,
  ],
  STOPPED: ['The sender stopped sharing.', 'Ask the sender for a new link.'],
  SENDER_CANCELED: ['The sender canceled this download.', 'Ask the sender, or try again.', true],
  FILE_UNREADABLE: [
    'The sender cannot read the file any more.',
    'It was moved or changed since it was shared. Ask the sender to share it again.',
  ],
};

const RECEIVER_WORDS: Readonly<Partial<Record<ErrorCode, Words>>> = {
  NO_LISTENER: ['Nobody is sharing under this link (any more).', KEEP_OPEN, true],
  LISTENER_GONE: [
    'The sender is gone.',
    `The page that shares the file was closed or lost its connection. ${KEEP_OPEN}`,
    true,
  ],
  REFUSED: ['The sender declined.', ''],
  ACCEPT_TIMEOUT: ['The sender did not answer.', KEEP_OPEN, true],
  CANCELED: ['The sender ended the download.', '', true],
  BAD_NAME: ['This is not a complete link.', 'Please copy the whole link from the sender’s page.'],
  LIMIT_STREAMS: ['Too many downloads at once.', 'Please try again in a moment.', true],
  LIMIT_RATE: ['Too many downloads at once.', 'Please try again in a moment.', true],
};

const COMMON_WORDS: Readonly<Partial<Record<ErrorCode, Words>>> = {
  CONNECTION_LOST: RELAY_LOST,
  TUNNEL_CLOSED: ['The connection was closed.', 'The other page or the server ended it.', true],
  RESUME_EXPIRED: RELAY_LOST,
  RESUME_UNKNOWN: RELAY_LOST,
  HANDSHAKE_TIMEOUT: ['The server does not answer.', 'The server that connects both pages takes too long.', true],
  GOING_AWAY: ['The server is shutting down.', 'The server that connects both pages is restarted or stopped.', true],
  UNAUTHENTICATED: ['The server does not let this page in.', ''],
  FORBIDDEN: ['The server does not let this page in.', ''],
};

const TRANSFER_WORDS: Readonly<Record<TransferError['code'], Words>> = {
  TOO_SHORT: ['The file is not complete.', 'The sender ended before the last byte. Nothing was saved.', true],
  TOO_LONG: [
    'This is not the file that was announced.',
    'More came than the sender had said. Nothing was saved.',
    true,
  ],
  CHECKSUM_DIFFERS: ['The file arrived damaged.', 'The checksums of both sides differ. Nothing was saved.', true],
  BAD_OFFER: ['This link does not share a file.', 'Something else listens under it.'],
};

/** What to tell the one who downloads. */
export function explainToReceiver(error: unknown): Failure {
  if (error instanceof TransferError) return failure(TRANSFER_WORDS[error.code], error.code);
  if (error instanceof TrunklineError) {
    const byApp = APP_WORDS[error.appCode as AppCode];
    if (byApp) return failure(byApp, `${error.code} ${error.appCode}`);
    const words = RECEIVER_WORDS[error.code] ?? COMMON_WORDS[error.code];
    if (words) return failure(words, error.code);
    return failure(['Something went wrong.', `${error.message}.`, error.retryable], error.code);
  }
  if (error instanceof DOMException) {
    return failure(
      ['The file could not be saved.', 'Check that there is room on the disk, and try again.', true],
      error.name,
    );
  }
  return unknownFailure(error);
}

const ROW_TITLES: Readonly<Partial<Record<ErrorCode, string>>> = {
  CANCELED: 'Canceled by the receiver',
  CONNECTION_LOST: 'Connection lost',
  LISTENER_GONE: 'Connection lost',
  TUNNEL_CLOSED: 'The receiver left',
  GOING_AWAY: 'The server is shutting down',
};

/** One line about a download that ended, for the one who shares. */
export function explainToSender(error: unknown): Failure {
  if (error instanceof DOMException) {
    return failure(['The file cannot be read any more. Was it moved or changed?', ''], error.name);
  }
  if (!(error instanceof TrunklineError)) return unknownFailure(error);
  const reported = TRANSFER_WORDS[error.appCode as TransferError['code']];
  if (reported) return failure([`Receiver: ${reported[0]}`, ''], `${error.appCode}`);
  return failure([ROW_TITLES[error.code] ?? 'The download failed', error.message], error.code);
}

/** Why the name is not held right now, for the one who shares. */
export function explainOffline(error: unknown): Failure {
  if (!(error instanceof TrunklineError)) return unknownFailure(error);
  const words: Words = COMMON_WORDS[error.code] ?? ['Sharing was interrupted.', `${error.message}.`];
  return failure(words, error.code);
}

function failure([title, text, canRetry = false]: Words, code: string): Failure {
  return { title, text, code, canRetry };
}

function unknownFailure(error: unknown): Failure {
  const text = error instanceof Error ? error.message : String(error);
  return { title: 'Something went wrong.', text, code: error instanceof Error ? error.name : 'ERROR', canRetry: true };
}

/** An error to end a stream with; `code` reaches the other side as `appCode`. */
export function endingWith(code: AppCode | TransferError['code'], text: string): Error {
  return Object.assign(new Error(text), { code });
}
