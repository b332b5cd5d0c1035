import type { ServerOptions } from '../node/subprotocol-server.js';

type Report = (cause: unknown, hook: string) => void;
type VerifyClient = NonNullable<ServerOptions['verifyClient']>;
type VerifyNow = (info: Parameters<VerifyClient>[0]) => boolean;
type HandleProtocols = NonNullable<ServerOptions['handleProtocols']>;

/**
 * Hooks are asked from inside the HTTP server's 'upgrade': what they throw would end the process, because of what somebody
 * sent. It is reported, and the client refused.
 */
export function guardHooks({ verifyClient, handleProtocols }: ServerOptions, report: Report): ServerOptions {
  return {
    ...(verifyClient && { verifyClient: guardVerify(verifyClient, report) }),
    ...(handleProtocols && { handleProtocols: guardPick(handleProtocols, report) }),
  };
}

/** `ws` tells the two kinds apart by how many arguments they take. */
function guardVerify(verify: VerifyClient, report: Report): VerifyClient {
  if (verify.length === 2) {
    return (info, callback) =>
      guard(
        () => verify(info, callback),
        (cause) => {
          report(cause, 'verifyClient');
          callback(false, INTERNAL_SERVER_ERROR);
        },
      );
  }
  const verifyNow = verify as VerifyNow;
  return (info: Parameters<VerifyNow>[0]) =>
    guard(
      () => verifyNow(info),
      (cause) => {
        report(cause, 'verifyClient');
        return false;
      },
    );
}

function guardPick(pick: HandleProtocols, report: Report): HandleProtocols {
  return (offered, request) =>
    guard(
      () => pick(offered, request),
      (cause) => {
        report(cause, 'handleProtocols');
        return false as const;
      },
    );
}

const INTERNAL_SERVER_ERROR = 500;

function guard<Result>(hook: () => Result, failed: (cause: unknown) => Result): Result {
  try {
    return hook();
  } catch (cause) {
    return failed(cause);
  }
}
