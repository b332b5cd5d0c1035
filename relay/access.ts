import type { IncomingMessage } from 'node:http';

/** What is known of a dialer: what `authenticate` returned. Shown to listeners in their offers, as JSON. */
export type Claims = Readonly<Record<string, unknown>>;

type MaybeClaims = Claims | undefined | null | false;

/** A dialer presents itself. */
export interface AuthenticationRequest {
  /** What it said in HELLO, or later in its place; undefined if nothing. */
  token: string | undefined;
  /** The upgrade request. */
  request: IncomingMessage;
}

/** Somebody wants to listen on a name, to connect to one, or to be told of those that match a pattern. */
export interface AuthorizationRequest {
  action: 'listen' | 'connect' | 'watch';
  /** The name; of `watch` the pattern. */
  name: string;
  claims: Claims;
  request: IncomingMessage;
}

/** A "no" that the peer sees as FORBIDDEN: `code` becomes its `appCode`, `text` its message. */
export interface AccessRefusal {
  code?: string;
  text?: string;
}

/** Who may do what at a relay. */
export interface AccessOptions {
  /**
   * Called for every dialer: returns, or resolves to, an object with what is known of it, of at most 2,048 bytes of JSON
   * (else FORBIDDEN). To say no, throw a TrunklineError UNAUTHENTICATED, FORBIDDEN or TOKEN_EXPIRED; undefined, null and
   * false are UNAUTHENTICATED as well. Anything else that is thrown or returned is INTERNAL for the dialer, and told by the
   * relay's 'error'. `exp` in the claims, in seconds since 1970, is when the dialer has to bring a newer token.
   * Default: everybody is let in, and nothing is known of them.
   */
  authenticate?: ((request: AuthenticationRequest) => MaybeClaims | PromiseLike<MaybeClaims>) | undefined;
  /**
   * Called for every `listen`, `connect` and `watch` of a dialer: returns, or resolves to, true, false or a refusal.
   * Default: everything is allowed but `watch`.
   */
  authorize?:
    | ((request: AuthorizationRequest) => boolean | AccessRefusal | PromiseLike<boolean | AccessRefusal>)
    | undefined;
}
