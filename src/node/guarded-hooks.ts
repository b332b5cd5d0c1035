import type { OutgoingHttpHeaders } from 'node:http';
import type { ServerOptions } from './subprotocol-server.js';

export type ReportHook = (cause: unknown, hook: string) => void;
export type HandleProtocols = NonNullable<ServerOptions['handleProtocols']>;

type VerifyClient = NonNullable<ServerOptions['verifyClient']>;
type Info = Parameters<VerifyClient>[0];
type VerifyNow = (info: Info) => boolean;
type Answer = (verified: boolean, status?: number, text?: string, headers?: OutgoingHttpHeaders) => void;
type Verify = (info: Info, answer: Answer) => void;

/**
 * Hooks are asked from inside the HTTP server's 'upgrade': what they throw would end the process, because of what somebody
 * sent. It is reported, and the client refused: by `verifyClient` with a 500, by `handleProtocols` as if it had picked none.
 */
export function guardHooks({ verifyClient, handleProtocols }: ServerOptions, report: ReportHook): ServerOptions {
  return {
    ...(verifyClient && { verifyClient: guardVerify(verifyClient, report) }),
    ...(handleProtocols && { handleProtocols: guardPick(handleProtocols, report, false) }),
  };
}

/**
 * Whichever kind it gets, what it returns is the kind that calls back. The first answer counts. A promise, which `ws` would
 * take for a yes, is waited for.
 */
export function guardVerify(verify: VerifyClient, report: ReportHook): Verify {
  return (info, callback) => {
    let isAnswered = false;
    const answer: Answer = (...verdict) => {
      if (isAnswered) return;
      isAnswered = true;
      callback(...verdict);
    };
    const failed = (cause: unknown): void => {
      answer(false, INTERNAL_SERVER_ERROR);
      report(cause, 'verifyClient');
    };
    // `ws` tells the two kinds apart by how many arguments they take.
    const callsBack = verify.length === 2;
    let returned: unknown;
    try {
      returned = callsBack ? verify(info, answer) : (verify as VerifyNow)(info);
    } catch (cause) {
      return failed(cause);
    }
    if (isPromise(returned))
      returned.then(callsBack ? undefined : (verified) => answer(Boolean(verified))).catch(failed);
    else if (!callsBack) answer(Boolean(returned));
  };
}

/** @param otherwise what is picked by one that throws */
export function guardPick<Otherwise>(
  pick: HandleProtocols,
  report: ReportHook,
  otherwise: Otherwise,
): (...asked: Parameters<HandleProtocols>) => string | false | Otherwise {
  const failed = (cause: unknown): void => report(cause, 'handleProtocols');
  return (offered, request) => {
    try {
      const picked = pick(offered, request);
      if (!isPromise(picked)) return picked;
      picked.catch(failed);
      failed(new TypeError('handleProtocols must pick at once, and returned a promise'));
    } catch (cause) {
      failed(cause);
    }
    return otherwise;
  };
}

const INTERNAL_SERVER_ERROR = 500;

function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise;
}
