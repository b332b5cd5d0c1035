/** Who may use the relay that the command line runs. */
import { TrustedProxies } from '../relay/forwarded-for.js';
import { jsonWebTokens, type RelayOptions } from '../relay/index.js';
import { parseOrigins } from '../relay/origins.js';
import { CommandError } from './command.js';
import { type Flags, listOf, UsageError, type Values } from './flags.js';
import { checkSecret, SECRET_FLAGS } from './secret.js';

export const ISSUER_FLAGS: Flags = {
  issuer: { value: 'TEXT', env: 'TRUNKLINE_ISSUER', isNeverEmpty: true, text: 'the issuer of tokens, their claim iss' },
  audience: {
    value: 'TEXT',
    env: 'TRUNKLINE_AUDIENCE',
    isNeverEmpty: true,
    text: 'whom tokens are for, their claim aud',
  },
};

export const RELAY_ACCESS_FLAGS: Flags = {
  ...SECRET_FLAGS,
  jwks: {
    value: 'URL',
    env: 'TRUNKLINE_JWKS',
    oneOf: 'access',
    isNeverEmpty: true,
    text: 'or the public keys of whoever signs tokens, a JSON Web Key Set',
  },
  open: { env: 'TRUNKLINE_OPEN', oneOf: 'access', text: 'or let everybody listen and connect, without a token' },
  ...ISSUER_FLAGS,
  origin: {
    value: 'ORIGIN',
    env: 'TRUNKLINE_ORIGIN',
    isList: true,
    text: 'pages that may use it, such as https://example.com; without it those of its own host',
  },
  'trusted-proxy': {
    value: 'ADDRESS',
    env: 'TRUNKLINE_TRUSTED_PROXY',
    isList: true,
    text: 'whose X-Forwarded-For is believed: an address, or a range such as 10.0.0.0/8',
  },
};

export interface RelayAccessSettings {
  /** @throws CommandError when a secret cannot be read, or is of no use */
  readOptions: () => Promise<RelayOptions>;
  /** Others can reach it, and nobody is asked for a token. */
  isOpen: boolean;
}

/** @throws UsageError, also where strangers could reach a relay of which nobody said whom it is for */
export function checkRelayAccess(values: Values): RelayAccessSettings {
  const common = {
    ...(values.origin === undefined ? {} : { origins: checkOrigins(values.origin) }),
    trustedProxies: checkProxies(values['trusted-proxy']),
  };
  const readAccess = checkTokens(values);
  if (readAccess === undefined) assertClosed(values);
  return {
    readOptions: async () => ({ ...common, ...(await readAccess?.()) }),
    isOpen: readAccess === undefined && whatLetsIn(values) !== undefined,
  };
}

function checkTokens(values: Values): (() => Promise<RelayOptions>) | undefined {
  const { issuer, audience, jwks } = values;
  const readSecret = checkSecret(values);
  if (jwks !== undefined) {
    const access = asUsage('--jwks', 'jwks', () => jsonWebTokens({ jwks, issuer, audience }));
    return async () => access;
  }
  if (readSecret === undefined) return undefined;
  return async () => {
    const secret = await readSecret();
    try {
      return jsonWebTokens({ secret, issuer, audience });
    } catch (error) {
      throw new CommandError((error as Error).message);
    }
  };
}

function assertClosed(values: Values): void {
  const { open, issuer, audience } = values;
  if (issuer !== undefined || audience !== undefined)
    throw new UsageError('--issuer and --audience are of tokens: give --auth-secret-file FILE or --jwks URL, too');
  const way = whatLetsIn(values);
  if (open !== undefined || way === undefined) return;
  throw new UsageError(
    `${way} lets others in, and nothing says whom: give --auth-secret-file FILE or --jwks URL for those with a ` +
      'token, or --open for everybody',
  );
}

/** The flag by which others come in: behind a proxy they do on any address, and pages of a site have people before them. */
function whatLetsIn(values: Values): string | undefined {
  const { host = '' } = values;
  if (!isLoopback(host)) return `--host ${host}`;
  const flag = ['trusted-proxy', 'origin'].find((each) => values[each] !== undefined);
  return flag && `--${flag} ${values[flag]}`;
}

/** Whether only this machine can reach what listens there. A name that is not known for it counts as any other address. */
export function isLoopback(host: string): boolean {
  return /^(127(\.\d{1,3}){3}|::1|(::ffff:)127(\.\d{1,3}){3}|localhost)$/i.test(host);
}

function checkOrigins(text: string): string[] {
  const origins = listOf(text);
  asUsage('--origin', 'origins', () => parseOrigins(origins));
  return origins;
}

function checkProxies(text: string | undefined): string[] {
  const proxies = listOf(text);
  asUsage('--trusted-proxy', 'trustedProxies', () => new TrustedProxies(proxies));
  return proxies;
}

/** @param option what the flag is called in code, and in the relay's own texts */
function asUsage<T>(flag: string, option: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    const { message } = error as Error;
    throw new UsageError(
      message.startsWith(`${option} `) ? `${flag}${message.slice(option.length)}` : `${flag}: ${message}`,
    );
  }
}
