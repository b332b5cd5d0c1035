import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import type { JsonWebTokenAccess } from '../../relay/json-web-tokens.js';
import { TrunklineError } from '../../src/protocol/errors.js';

export const SECRET = 'a secret of more than thirty-two bytes';

export const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** By hand: what no library would sign. */
export function forge(header: object, payload: unknown, secret: string | Buffer = SECRET): string {
  const text = `${encode(header)}.${encode(payload)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

export const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;

export const signed = (payload: JWTPayload = {}, secret = SECRET): string =>
  forge({ alg: 'HS256', typ: 'JWT' }, { exp: inSeconds(3600), ...payload }, secret);

/** A key pair of somebody who signs tokens, and its public half as a key set has it. */
export async function makeSigner(alg: string, kid?: string) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), ...(kid === undefined ? {} : { kid }) };
  const sign = (payload: JWTPayload = {}, header: object = {}): Promise<string> =>
    new SignJWT({ exp: inSeconds(3600), ...payload })
      .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }), ...header })
      .sign(privateKey);
  return { jwk, publicKey, sign };
}

const request = {} as IncomingMessage;

/** What a token is known as, or why it is not taken: nothing but a TrunklineError is a refusal. */
export async function present(access: JsonWebTokenAccess, token: string | undefined) {
  try {
    return { claims: await access.authenticate({ token, request }) };
  } catch (error) {
    if (!(error instanceof TrunklineError)) throw error;
    const { code, message, retryable } = error;
    return { code, message, retryable };
  }
}

/** True, or the text of the refusal. */
export async function ask(
  access: JsonWebTokenAccess,
  token: string,
  action: 'listen' | 'connect' | 'watch',
  name: string,
) {
  const claims = await access.authenticate({ token, request });
  const verdict = await access.authorize({ action, name, claims, request });
  return typeof verdict === 'object' ? verdict.text : verdict;
}
