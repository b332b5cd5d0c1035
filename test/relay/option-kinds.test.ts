import { describe, expect, test } from 'vitest';
import { createRelay, jsonWebTokens, type RelayOptions } from '../../relay/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';

checkLeaksAfterEach();

const access = () => jsonWebTokens({ secret: 'a secret of more than thirty-two bytes' });
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
const creating = (options: unknown) => () => createRelay(options as RelayOptions);

describe('an option that there is not', () => {
  test.each<[object, RegExp]>([
    [
      { authentificate: () => ({}) },
      /^there is no option authentificate; there are limits, .*authenticate, authorize$/,
    ],
    [{ access: access() }, /^there is no option access; /],
    [{ jwks: undefined }, /^there is no option jwks; /],
    [{ limits: { maxName: 3 } }, /^there is no option limits\.maxName; there are .*maxNames, .*memoryBytes$/],
    [{ limits: { toString: 3 } }, /^there is no option limits\.toString; /],
    [{ rates: { open: { burst: 3 } } }, /^there is no option rates\.open; there are opens, /],
    [{ rates: { opens: { bursts: 3 } } }, /^there is no option rates\.opens\.bursts; there are perSecond, burst$/],
    [{ heartbeat: { interval: 3 } }, /^there is no option heartbeat\.interval; there are intervalMs, timeoutMs$/],
  ])('%j', (options, message) => {
    expect(creating(options)).toThrow(TypeError);
    expect(creating(options)).toThrow(message);
  });
});

describe('an option of another kind', () => {
  test.each<[unknown, string]>([
    [null, 'the options of a relay must be an object, not null'],
    ['open', 'the options of a relay must be an object, not "open"'],
    [[], 'the options of a relay must be an object, not a list'],
    [jsonWebTokens, 'the options of a relay must be an object, not a function'],
    [{ authenticate: null }, 'authenticate must not be null: leave it out for its default'],
    [{ authenticate: access() }, 'authenticate must be a function, not of type object'],
    [{ authorize: 'x' }, 'authorize must be a function, not of type string'],
    [{ authorize: false }, 'authorize must be a function, not of type boolean'],
    [{ metrics: 'no' }, 'metrics must be true or false, not "no"'],
    [{ status: 0 }, 'status must be true or false, not 0'],
    [
      { origins: 'https://example.com' },
      `origins must be a list, such as ['https://example.com'], not "https://example.com"`,
    ],
    [{ origins: null }, 'origins must not be null: leave it out for its default'],
    [{ origins: false }, `origins must be a list, such as ['https://example.com'], not false`],
    [{ origins: new Set() }, `origins must be a list, such as ['https://example.com'], not an object`],
    [{ trustedProxies: '10.0.0.0/8' }, `trustedProxies must be a list, such as ['10.0.0.0/8'], not "10.0.0.0/8"`],
    [{ trustedProxies: true }, `trustedProxies must be a list, such as ['10.0.0.0/8'], not true`],
    [{ logger: null }, 'logger must not be null: leave it out for its default'],
    [{ limits: 4 }, 'limits must be an object, not 4'],
    [{ limits: { maxNames: null } }, 'limits.maxNames must not be null: leave it out for its default'],
    [{ rates: null }, 'rates must not be null: leave it out for its default'],
    [{ rates: { opens: 500 } }, 'rates.opens must be an object, not 500'],
    [{ rates: { opens: { burst: null } } }, 'rates.opens.burst must not be null: leave it out for its default'],
    [{ heartbeat: 25_000 }, 'heartbeat must be an object, not 25000'],
    [{ resumeWindowMs: null }, 'resumeWindowMs must not be null: leave it out for its default'],
    [{ ws: 'deflate' }, 'ws must be an object, not "deflate"'],
    [{ ws: { verifyClient: 'x' } }, 'ws.verifyClient must be a function, not of type string'],
    [{ ws: { handleProtocols: ['x'] } }, 'ws.handleProtocols must be a function, not of type object'],
  ])('%o: %s', (options, message) => {
    expect(creating(options)).toThrow(new TypeError(message));
  });

  test('a hook that is a secret is not repeated', () => {
    expect(creating({ authenticate: 'sesame' })).toThrow(
      new TypeError('authenticate must be a function, not of type string'),
    );
  });
});

describe.each(['port', 'server', 'path'])('ws.%s', (name) => {
  test('is a matter of install', async () => {
    expect(creating({ ws: { [name]: '/x' } })).toThrow(
      new TypeError(`ws.${name} is not for a relay: install(server, path) says where it is`),
    );
    await creating({ ws: { [name]: undefined } })().close();
    await creating({ ws: { [name]: null } })().close();
  });
});

test('what is undefined is left out', async () => {
  const names = ['limits', 'rates', 'heartbeat', 'handshakeTimeoutMs', 'resumeWindowMs', 'ws', 'origins', 'logger'];
  const others = ['trustedProxies', 'metrics', 'status', 'authenticate', 'authorize'];
  const options = Object.fromEntries([...names, ...others].map((name) => [name, undefined]));
  await creating(options)().close();
  await creating({
    limits: { maxNames: undefined },
    rates: { opens: undefined, pings: { burst: undefined } },
    heartbeat: { intervalMs: undefined },
    ws: { verifyClient: undefined, handleProtocols: null },
  })().close();
});

test('with tokens, and all that there is', async () => {
  const options = { ...access(), origins: [], trustedProxies: [], metrics: true, status: false, logger: SILENT };
  await creating(options)().close();
});
