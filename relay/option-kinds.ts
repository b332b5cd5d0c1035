import type { RelayOptions } from './options.js';
import { RATE_NAMES } from './rates.js';

/** All there are, with what each has to be. Numbers are checked where they are read. */
const KINDS = {
  limits: anObject,
  rates: anObject,
  heartbeat: anObject,
  handshakeTimeoutMs: anything,
  resumeWindowMs: anything,
  ws: anObject,
  origins: aListLike('https://example.com'),
  trustedProxies: aListLike('10.0.0.0/8'),
  logger: anything,
  metrics: aBoolean,
  status: aBoolean,
  authenticate: aFunction,
  authorize: aFunction,
} as const satisfies Record<keyof RelayOptions, Check>;

type Check = (name: string, value: unknown) => void;
type Entries = Readonly<Record<string, unknown>>;

/** Of `ws`'s own, those that `install` decides about. */
const OF_INSTALL = ['port', 'server', 'path'];

/**
 * Whether these are options at all, before any is read: a misspelt one would leave its default, which lets everybody in.
 * @param limitNames what `limits` may have
 * @throws TypeError naming an option that there is not, or that is of another kind
 */
export function checkKinds(options: RelayOptions, limitNames: readonly string[]): void {
  checkNames('', options, Object.keys(KINDS));
  for (const [name, check] of Object.entries(KINDS)) check(name, options[name as keyof RelayOptions]);
  const { limits = {}, rates = {}, heartbeat = {}, ws = {} } = options;
  checkNames('limits', limits, limitNames);
  checkNames('heartbeat', heartbeat, ['intervalMs', 'timeoutMs']);
  checkNames('rates', rates, RATE_NAMES);
  for (const [name, rate = {}] of Object.entries(rates)) checkNames(`rates.${name}`, rate, ['perSecond', 'burst']);
  checkWebSocketOptions(ws as Entries);
}

/** @throws TypeError for an option that there is not, and for null */
export function checkNames(of: string, given: unknown, names: readonly string[]): void {
  anObject(of || 'the options of a relay', given);
  for (const [key, value] of Object.entries(given as Entries)) {
    const name = of ? `${of}.${key}` : key;
    if (!names.includes(key)) throw new TypeError(`there is no option ${name}; there are ${names.join(', ')}`);
    if (value === null) throw new TypeError(`${name} must not be null: leave it out for its default`);
  }
}

/** Its other options are for `ws` to know; what it does with one of these would only show when somebody dials. */
function checkWebSocketOptions(ws: Entries): void {
  for (const hook of ['verifyClient', 'handleProtocols']) aFunction(`ws.${hook}`, ws[hook] ?? undefined);
  const misplaced = OF_INSTALL.find((name) => (ws[name] ?? undefined) !== undefined);
  if (misplaced) throw new TypeError(`ws.${misplaced} is not for a relay: install(server, path) says where it is`);
}

function anything(): void {}

function anObject(name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'object' && value !== null && !Array.isArray(value))) return;
  throw new TypeError(`${name} must be an object, not ${show(value)}`);
}

function aListLike(example: string): Check {
  return (name, value) => {
    if (value === undefined || Array.isArray(value)) return;
    throw new TypeError(`${name} must be a list, such as ['${example}'], not ${show(value)}`);
  };
}

function aBoolean(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return;
  throw new TypeError(`${name} must be true or false, not ${show(value)}`);
}

/** What stands in a function's place may be a secret, and is not repeated. */
function aFunction(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return;
  throw new TypeError(`${name} must be a function, not of type ${typeof value}`);
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
