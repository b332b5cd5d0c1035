import type { IncomingMessage } from 'node:http';
import { guardPick, guardVerify, type ReportHook } from '../src/node/guarded-hooks.js';
import { offeredProtocols } from '../src/node/offered-protocols.js';
import type { ServerOptions } from '../src/node/subprotocol-server.js';
import { SUBPROTOCOL } from '../src/protocol/constants.js';

const INTERNAL_SERVER_ERROR = 500;

/**
 * The hooks of an application, in the form in which `ws` gets them: one that throws is reported, and the upgrade refused with
 * a 500. When `ws` asks for the subprotocol it can no longer refuse, so that is picked before.
 */
export function upgradeHooks({ verifyClient, handleProtocols }: ServerOptions, report: ReportHook): ServerOptions {
  const verify = guardVerify(verifyClient ?? (() => true), report);
  const pick = guardPick(handleProtocols ?? (() => SUBPROTOCOL), report, undefined);
  const picked = new WeakMap<IncomingMessage, string | false>();
  return {
    verifyClient: (info, callback) =>
      verify(info, (verified, ...refusal) => {
        const protocol = verified && pick(new Set(offeredProtocols(info.req)), info.req);
        if (protocol === undefined) return callback(false, INTERNAL_SERVER_ERROR);
        picked.set(info.req, protocol);
        callback(verified, ...refusal);
      }),
    handleProtocols: (_offered, request) => picked.get(request) ?? false,
  };
}
