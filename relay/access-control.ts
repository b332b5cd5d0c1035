import type { IncomingMessage } from 'node:http';
import type { ConnectionCore } from '../src/core/connection.js';
import { type ErrorPayload, TrunklineError, toErrorPayload, toTrunklineError } from '../src/protocol/errors.js';
import { type Json, normalizeMeta } from '../src/protocol/meta.js';
import type { AccessOptions, AuthorizationRequest, Claims } from './access.js';
import { isThenable, lifetimeOf, toClaims } from './claims.js';

/** Claims travel in offers, beside a meta that may be large. */
const MAX_CLAIMS_BYTES = 2048;

/** What is known of a dialer: its claims, and until when. */
export interface Identification {
  claims: Json;
  /** How long that holds, milliseconds; undefined: for as long as it is here. */
  expiresInMs: number | undefined;
}

/** Who may do what, for the relay's core: answers come at once or later, and once. */
export interface RelayAccess {
  authenticate(
    connection: ConnectionCore,
    token: string | undefined,
    answer: (outcome: Identification | TrunklineError) => void,
  ): void;
  authorize(
    connection: ConnectionCore,
    action: AuthorizationRequest['action'],
    name: string,
    answer: (refusal: ErrorPayload | undefined) => void,
  ): void;
}

export const OPEN_ACCESS: RelayAccess = {
  authenticate: (_connection, _token, answer) => answer({ claims: null, expiresInMs: undefined }),
  authorize: (_connection, _action, _name, answer) => answer(undefined),
};

/** Who does not know a name is not to learn it by asking, unless somebody has said who may. */
const SECRET_NAMES: ErrorPayload = { code: 'FORBIDDEN', reason: 'this relay tells nobody what names there are' };

/** Asks the application's hooks. What this process itself does (`relay.connect`) is not asked about. */
export class AccessControl implements RelayAccess {
  private readonly claimsOf = new WeakMap<ConnectionCore, Claims>();

  constructor(
    private readonly options: AccessOptions,
    private readonly requestOf: (connection: ConnectionCore) => IncomingMessage | undefined,
    /** A hook threw what is no refusal. */
    private readonly defectFound: (error: TrunklineError) => void,
  ) {}

  authenticate(
    connection: ConnectionCore,
    token: string | undefined,
    answer: (outcome: Identification | TrunklineError) => void,
  ): void {
    const { authenticate } = this.options;
    const request = this.requestOf(connection);
    if (authenticate === undefined || request === undefined) return OPEN_ACCESS.authenticate(connection, token, answer);
    const known = (claims: unknown): void => answer(this.identify(connection, claims));
    this.ask<unknown>(() => authenticate({ token, request }), known, answer);
  }

  authorize(
    connection: ConnectionCore,
    action: AuthorizationRequest['action'],
    name: string,
    answer: (refusal: ErrorPayload | undefined) => void,
  ): void {
    const { authorize } = this.options;
    const request = this.requestOf(connection);
    if (request === undefined) return answer(undefined);
    if (authorize === undefined) return answer(action === 'watch' ? SECRET_NAMES : undefined);
    const claims = this.claimsOf.get(connection) ?? {};
    this.ask(
      () => authorize({ action, name, claims, request }),
      (verdict) => answer(verdict === true ? undefined : toRefusal(verdict || {}, action, name)),
      (error) => answer(toErrorPayload(error)),
    );
  }

  private identify(connection: ConnectionCore, value: unknown): Identification | TrunklineError {
    try {
      const claims = toClaims(value);
      const expiresInMs = lifetimeOf(claims);
      const shown = normalizeMeta(claims, MAX_CLAIMS_BYTES);
      this.claimsOf.set(connection, claims);
      return { claims: shown, expiresInMs };
    } catch (error) {
      if (error instanceof TrunklineError && error.code === 'LIMIT_BYTES') return oversized(value);
      return this.failed(error);
    }
  }

  /** A hook that answers at once is not waited for. */
  private ask<T>(
    hook: () => T | PromiseLike<T>,
    answer: (value: T) => void,
    refuse: (error: TrunklineError) => void,
  ): void {
    const fail = (error: unknown): void => refuse(this.failed(error));
    try {
      const value = hook();
      if (isThenable(value)) void Promise.resolve(value).then(answer, fail).catch(this.failed.bind(this));
      else answer(value);
    } catch (error) {
      fail(error);
    }
  }

  /** What a hook throws on purpose is a refusal; anything else the dialer is not told of. */
  private failed(error: unknown): TrunklineError {
    if (error instanceof TrunklineError && error.code !== 'INTERNAL') return error;
    this.defectFound(toTrunklineError(error, 'INTERNAL'));
    return new TrunklineError('INTERNAL', 'the relay failed to decide');
  }
}

/** What a token says of its bearer is nothing that this relay could mend. */
function oversized(claims: unknown): TrunklineError {
  const bytes = Buffer.byteLength(JSON.stringify(claims));
  return new TrunklineError(
    'FORBIDDEN',
    bytes > MAX_CLAIMS_BYTES
      ? `the claims are ${bytes} bytes of JSON, over the ${MAX_CLAIMS_BYTES} that listeners may be shown`
      : 'the claims are nested too deeply to be shown to listeners',
  );
}

function toRefusal(
  { code, text }: { code?: string; text?: string },
  action: AuthorizationRequest['action'],
  name: string,
): ErrorPayload {
  const reason = text ?? `this token does not allow to ${action} ${action === 'connect' ? 'to' : 'on'} ${name}`;
  return toErrorPayload(new TrunklineError('FORBIDDEN', reason, { appCode: code }));
}
