// The one import of `jose`; it is loaded with the first token, since most relays never see one.
import type { errors, JSONWebKeySet, JWTPayload, JWTVerifyGetKey, JWTVerifyOptions } from 'jose';
import { TrunklineError } from '../src/protocol/errors.js';
import type { AccessRefusal, AuthenticationRequest, AuthorizationRequest, Claims } from './access.js';
import { HOLD_OFF_MS, KeySetFetch } from './key-set-fetch.js';
import { matchesPattern } from './name-patterns.js';
import { checkNames } from './option-kinds.js';

export interface JsonWebTokenOptions {
  /** What tokens are signed with by HS256: at least 32 bytes, known to nobody but their makers and this relay. */
  secret?: string | Uint8Array | undefined;
  /** Or the public keys of whoever signs them, or the URL of those. Then RS, PS and ES 256 to 512, and EdDSA. */
  jwks?: string | URL | JSONWebKeySet | undefined;
  /** What the claim `iss` has to be. Default: anything. */
  issuer?: string | undefined;
  /** What the claim `aud` has to be, or to contain. Default: anything. */
  audience?: string | undefined;
  /** How far the clocks of those who sign may be off, seconds. Default 0. */
  clockToleranceSeconds?: number | undefined;
}

/** Both hooks, for `createRelay({ ...jsonWebTokens(options) })`. */
export interface JsonWebTokenAccess {
  /** @throws (rejects) TrunklineError UNAUTHENTICATED or TOKEN_EXPIRED: why the token is not taken */
  authenticate(request: AuthenticationRequest): Promise<Claims>;
  authorize(request: AuthorizationRequest): true | AccessRefusal;
}

const OPTIONS: readonly string[] = Object.keys({
  secret: true,
  jwks: true,
  issuer: true,
  audience: true,
  clockToleranceSeconds: true,
} satisfies Record<keyof JsonWebTokenOptions, true>);

export const MIN_SECRET_BYTES = 32;
/** A longer one does not fit into HELLO. */
const MAX_TOKEN_LENGTH = 16 * 1024;
const FETCH_TIMEOUT_MS = 5_000;

/** Fixed by whoever runs the relay: a token must not choose how it is checked. */
const SECRET_ALGORITHM = 'HS256';
const KEY_ALGORITHMS = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ');

const WORDING = { listen: 'listen on', connect: 'connect to', watch: 'watch' } as const;
const ACTIONS = Object.keys(WORDING) as AuthorizationRequest['action'][];

/**
 * Lets in whoever has a JSON Web Token with a valid signature, and lets them do what its claims say: `listen`, `connect` and
 * `watch` are lists of names, in which `*` stands for any run of characters; a claim that is not there allows nothing.
 * The hooks refuse with UNAUTHENTICATED (retryable where the keys cannot be had at the moment), TOKEN_EXPIRED and FORBIDDEN.
 * @throws TypeError when neither or both of `secret` and `jwks` are given, or one is of no use, or for an option that there is
 *   not; RangeError when the secret is
 *   shorter than 32 bytes, or the tolerance is no duration
 */
export function jsonWebTokens(options: JsonWebTokenOptions): JsonWebTokenAccess {
  // A misspelt audience would be one that nobody checks.
  checkNames('jsonWebTokens', options, OPTIONS);
  const { issuer, audience, clockToleranceSeconds: tolerance = 0 } = options;
  if (!Number.isFinite(tolerance) || tolerance < 0)
    throw new RangeError(`clockToleranceSeconds must be a number from 0, not ${String(tolerance)}`);
  const verify = verifierOf(options, {
    clockTolerance: tolerance,
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  });
  return {
    async authenticate({ token }) {
      assertPlausible(token);
      const claims = await verify(token).catch((error: unknown) => {
        throw refusalOf(error);
      });
      assertLists(claims);
      // As long as the token is taken, so long may its bearer stay.
      return claims.exp === undefined ? claims : { ...claims, exp: claims.exp + tolerance };
    },
    authorize({ action, name, claims }) {
      return isAllowed(claims, action, name) || { text: `this token does not allow to ${WORDING[action]} ${name}` };
    },
  };
}

/** What a token allows, and who it is for. */
export interface TokenClaims {
  listen?: readonly string[] | undefined;
  connect?: readonly string[] | undefined;
  watch?: readonly string[] | undefined;
  sub?: string | undefined;
  iss?: string | undefined;
  aud?: string | undefined;
}

/** A token for a relay that has the same secret. */
export function signToken(secret: string, claims: TokenClaims, lifetimeSeconds: number): Promise<string> {
  return sign(toSecretKey(secret), claims, lifetimeSeconds);
}

async function sign(key: Uint8Array, claims: TokenClaims, lifetimeSeconds: number): Promise<string> {
  const { SignJWT } = await import('jose');
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ ...claims } as JWTPayload)
    .setProtectedHeader({ alg: SECRET_ALGORITHM, typ: 'JWT' })
    .setIssuedAt(now)
    .setExpirationTime(now + lifetimeSeconds)
    .sign(key);
}

type Verifier = (token: string) => Promise<JWTPayload>;

function verifierOf({ secret, jwks }: JsonWebTokenOptions, checks: JWTVerifyOptions): Verifier {
  if ((secret === undefined) === (jwks === undefined))
    throw new TypeError('jsonWebTokens needs either a secret or a jwks, and not both');
  if (secret !== undefined) {
    const key = toSecretKey(secret);
    return async (token) => {
      const { jwtVerify } = await import('jose');
      return (await jwtVerify(token, key, { ...checks, algorithms: [SECRET_ALGORITHM] })).payload;
    };
  }
  const findKey = toKeyFinder(jwks as NonNullable<typeof jwks>);
  return (token) => verifyByKeys(token, findKey, { ...checks, algorithms: KEY_ALGORITHMS });
}

function toSecretKey(secret: string | Uint8Array): Uint8Array {
  const bytes = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret;
  if (!(bytes instanceof Uint8Array)) throw new TypeError('the secret must be a text or bytes');
  if (bytes.length < MIN_SECRET_BYTES)
    throw new RangeError(`the secret must be at least ${MIN_SECRET_BYTES} bytes long, not ${bytes.length}`);
  // Whoever knows a public key could sign with it if it were taken for a secret.
  if (new TextDecoder().decode(bytes.subarray(0, 64)).trimStart().startsWith('-----BEGIN'))
    throw new TypeError('the secret is a key in PEM: give public keys as jwks');
  return bytes;
}

function toKeyFinder(jwks: string | URL | JSONWebKeySet): JWTVerifyGetKey {
  if (typeof jwks === 'string' || jwks instanceof URL) return remoteKeyFinder(toUrl(jwks));
  const keys = toKeySet(jwks);
  return lazily(async () => (await import('jose')).createLocalJWKSet(keys));
}

/** Made by the first token. */
function lazily(make: () => Promise<JWTVerifyGetKey>): JWTVerifyGetKey {
  let finder: Promise<JWTVerifyGetKey> | undefined;
  return async (header, token) => {
    finder ??= make();
    return (await finder)(header, token);
  };
}

/** A copy: what is changed later is not seen. */
function toKeySet(jwks: JSONWebKeySet): JSONWebKeySet {
  try {
    const copy = structuredClone(jwks);
    if (copy.keys.every(isRecord)) return copy;
  } catch {
    // no object, no list in it, or something in it that is no data
  }
  throw new TypeError('jwks must be a URL, or an object with a list "keys"');
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function toUrl(text: string | URL): URL {
  const url = URL.canParse(String(text)) ? new URL(text) : undefined;
  if (url && (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '' && url.password === '')
    return url;
  throw new TypeError('jwks must be the http or https URL of a key set, without a user or password');
}

function remoteKeyFinder(url: URL): JWTVerifyGetKey {
  const held = new KeySetFetch();
  const find = lazily(async () => {
    const { createRemoteJWKSet, customFetch } = await import('jose');
    return createRemoteJWKSet(url, { timeoutDuration: FETCH_TIMEOUT_MS, [customFetch]: held.fetch });
  });
  return async (header, token) => {
    try {
      return await find(header, token);
    } catch (error) {
      if (isOfToken(error)) throw error;
      throw new TrunklineError('UNAUTHENTICATED', 'the keys that tokens are checked with cannot be had at the moment', {
        retryable: true,
        retryAfterMs: HOLD_OFF_MS,
        cause: error,
      });
    }
  };
}

function isOfToken(error: unknown): boolean {
  return isOfMany(error) || codeOf(error) === 'ERR_JWKS_NO_MATCHING_KEY';
}

function isOfMany(error: unknown): error is errors.JWKSMultipleMatchingKeys {
  return codeOf(error) === 'ERR_JWKS_MULTIPLE_MATCHING_KEYS';
}

/** `jose` tells its errors apart by these. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** A token need not say which of the keys it was signed with. */
async function verifyByKeys(token: string, findKey: JWTVerifyGetKey, checks: JWTVerifyOptions): Promise<JWTPayload> {
  const { jwtVerify } = await import('jose');
  try {
    return (await jwtVerify(token, findKey, checks)).payload;
  } catch (error) {
    if (!isOfMany(error)) throw error;
    let last: unknown = error;
    for await (const key of error) {
      try {
        return (await jwtVerify(token, key, checks)).payload;
      } catch (failure) {
        if (codeOf(failure) !== WRONG_SIGNATURE) throw failure;
        last = failure;
      }
    }
    throw last;
  }
}

function assertPlausible(token: string | undefined): asserts token is string {
  if (token === undefined || token === '') throw unauthenticated('this relay asks for a token, and there is none');
  if (token.length > MAX_TOKEN_LENGTH)
    throw unauthenticated(`the token has ${token.length} characters, over ${MAX_TOKEN_LENGTH}`);
}

function assertLists(claims: JWTPayload): void {
  for (const action of ACTIONS) {
    const patterns = claims[action];
    if (patterns === undefined) continue;
    if (!Array.isArray(patterns) || patterns.some((pattern) => typeof pattern !== 'string'))
      throw unauthenticated(`the token's claim "${action}" must be a list of names, such as ["room:*"]`);
  }
}

function isAllowed(claims: Claims, action: AuthorizationRequest['action'], name: string): boolean {
  const patterns = claims[action];
  return Array.isArray(patterns) && patterns.some((pattern) => matchesPattern(String(pattern), name));
}

/** Why a token is not taken: enough to find the mistake, and nothing of what the token says or should say. */
const CLAIM_TEXTS: Readonly<Record<string, string>> = {
  iss: 'the token is not of the issuer (iss) that this relay trusts',
  aud: 'the token is not meant for this relay (aud)',
  nbf: 'the token is not valid yet (nbf), or a clock is wrong',
};
const WRONG_SIGNATURE = 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED';
const NO_TOKEN = 'the token is not a signed JSON Web Token';
const FAULT_TEXTS: Readonly<Record<string, string>> = {
  [WRONG_SIGNATURE]: "the token's signature is wrong: it was made with another secret or key",
  ERR_JWKS_NO_MATCHING_KEY: 'the token was signed with a key that this relay does not know',
  ERR_JOSE_ALG_NOT_ALLOWED: 'the token is signed by an algorithm (alg) that this relay does not take',
  ERR_JOSE_NOT_SUPPORTED: 'the token asks for something that this relay does not know (crit)',
  ERR_JWS_INVALID: NO_TOKEN,
  ERR_JWT_INVALID: NO_TOKEN,
};

/** Anything else is a defect, or a key that is of no use, and told as it is. */
function refusalOf(error: unknown): unknown {
  const code = codeOf(error);
  if (code === 'ERR_JWT_EXPIRED') return new TrunklineError('TOKEN_EXPIRED', 'the token has expired');
  if (code === 'ERR_JWT_CLAIM_VALIDATION_FAILED')
    return unauthenticated(claimText(error as errors.JWTClaimValidationFailed));
  const fault = FAULT_TEXTS[code];
  return fault === undefined ? error : unauthenticated(fault);
}

function claimText({ claim, reason }: errors.JWTClaimValidationFailed): string {
  if (reason === 'invalid') return `the token's claim "${claim}" is not a number`;
  return CLAIM_TEXTS[claim] ?? `the token's claim "${claim}" is not right`;
}

function unauthenticated(text: string): TrunklineError {
  return new TrunklineError('UNAUTHENTICATED', text);
}
