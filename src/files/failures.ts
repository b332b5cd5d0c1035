import { type ErrorPayload, TrunklineError, toErrorPayload } from '../protocol/errors.js';

/** What the other side is told instead: the text of a local error may name local paths. */
const told = new WeakMap<TrunklineError, TrunklineError>();

export function toldOf(error: TrunklineError): TrunklineError {
  return told.get(error) ?? error;
}

/** This side's own file, or what it is written to, failed. `appCode` is Node's code (`ENOSPC`), or the name of a page's error. */
export function localFailure(what: string, cause: unknown): TrunklineError {
  if (cause instanceof TrunklineError) return cause;
  const { code, name, message } = cause as { code?: unknown; name?: unknown; message?: unknown };
  const appCode = typeof code === 'string' ? code : String(name);
  const error = new TrunklineError('CANCELED', `${what}: ${String(message ?? cause)}`, { appCode, cause });
  told.set(error, new TrunklineError('CANCELED', `the other side ${what} (${appCode})`, { appCode }));
  return error;
}

/** What the disk says, or what a page writes to, as a TrunklineError. */
export function tryToStore<T>(work: Promise<T>): Promise<T> {
  return attempt('could not store the file', work);
}

export function tryToRead<T>(work: Promise<T>): Promise<T> {
  return attempt('could not read the file', work);
}

async function attempt<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw localFailure(what, cause);
  }
}

/** The other side does not keep to the wire of docs/files.md. */
export function brokenWire(text: string, appCode?: string): TrunklineError {
  return new TrunklineError('PROTOCOL', text, { appCode });
}

export function endedEarly(): TrunklineError {
  return brokenWire('the other side ended the stream before the file was complete');
}

/** A file that is written to while it is sent: nobody knows which state of it the receiver would get. */
export function sourceChanged(change: string): TrunklineError {
  return new TrunklineError('CANCELED', `the file ${change} while it was sent`, {
    appCode: 'FILE_CHANGED',
    retryable: true,
  });
}

/** Calls the application; what it throws ends the transfer, and reaches whoever waits for it as `cause`. */
export async function callApplication<T>(what: string, call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof TrunklineError) throw cause;
    const error = new TrunklineError('CANCELED', `${what} threw: ${(cause as Error)?.message ?? cause}`, { cause });
    told.set(error, new TrunklineError('CANCELED', `the other side's ${what} threw`));
    throw error;
  }
}

/** For a stream that cannot carry the reason by itself. */
export function errorMessage(error: TrunklineError): { error: ErrorPayload } {
  return { error: toErrorPayload(error) };
}
