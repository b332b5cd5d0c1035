import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildStatusPage } from '../../esbuild.status.js';
import { createRelay, type RelayOptions, TrunklineError } from '../../relay/index.js';
import { policyOf } from '../../relay/status-page.js';
import { listenOnFreePort } from '../support/free-port.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { deferred, until } from '../support/until.js';

checkLeaksAfterEach();

interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
}

async function ask({ url }: RelayFixture, path: string, method = 'GET', headers = {}): Promise<Answer> {
  const outgoing = request(`${url.replace('ws:', 'http:')}${path}`, { method, headers, agent: false }).end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  let body = '';
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

const GUARDED = ['/status.json', '/metrics'];

/** Tokens are names of people; only the operator may watch. */
function guarded(extra: RelayOptions = {}): RelayOptions {
  return {
    metrics: true,
    status: true,
    authenticate: ({ token }) => {
      if (token === undefined) throw new TrunklineError('UNAUTHENTICATED', 'bring a token');
      if (token === 'old') throw new TrunklineError('TOKEN_EXPIRED', 'too old');
      if (token === 'banned') throw new TrunklineError('FORBIDDEN', 'go away');
      return { sub: token };
    },
    authorize: ({ action, name, claims }) => action === 'watch' && name === '*' && claims.sub === 'operator',
    ...extra,
  };
}

describe('/healthz and /readyz', () => {
  test('are always there, to read and never to keep', async () => {
    const fixture = await startRelay();
    for (const [path, body] of [
      ['/healthz', 'ok\n'],
      ['/readyz', 'ready\n'],
    ] as const) {
      const answer = await ask(fixture, path);
      expect(answer).toMatchObject({ status: 200, body, headers: { 'cache-control': 'no-store' } });
      const head = await ask(fixture, path, 'HEAD');
      expect(head).toMatchObject({ status: 200, body: '', headers: { 'content-length': String(body.length) } });
      for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
        expect(await ask(fixture, path, method), method).toMatchObject({
          status: 405,
          headers: { allow: 'GET, HEAD' },
        });
    }
  });

  test('ask for no token', async () => {
    const fixture = await startRelay(guarded());
    expect((await ask(fixture, '/healthz')).status).toBe(200);
    expect((await ask(fixture, '/readyz')).status).toBe(200);
  });

  test('while it drains the relay is healthy, and not ready', async () => {
    const fixture = await startRelay();
    const tunnel = fixture.dial();
    await tunnel.opened;
    const drained = fixture.relay.drain({ graceMs: 60_000 });
    expect(await ask(fixture, '/healthz')).toMatchObject({ status: 200 });
    expect(await ask(fixture, '/readyz')).toMatchObject({ status: 503, body: 'draining\n' });
    tunnel.close();
    await drained;
  });
});

describe('what was not asked for', () => {
  test('is left to the application', async () => {
    const server = createServer((_, response) => response.writeHead(418).end());
    const relay = createRelay().install(server);
    const port = await listenOnFreePort(server);
    for (const path of ['/metrics', '/status', '/status.json', '/healthz/', '/readyz2']) {
      const response = await fetch(`http://127.0.0.1:${port}/trunkline${path}`, { headers: { Connection: 'close' } });
      expect(response.status, path).toBe(418);
      await response.text();
    }
    await relay.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('/metrics and /status.json', () => {
  test('are open where nobody decides', async () => {
    const fixture = await startRelay({ metrics: true, status: true });
    await fixture.listen('SHOWN', () => {});
    const metrics = await ask(fixture, '/metrics');
    expect(metrics).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8', 'cache-control': 'no-store' },
    });
    expect(metrics.body).toContain('\ntrunkline_names{state="held"} 1\n');
    const status = await ask(fixture, '/status.json');
    expect(status).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/json; charset=utf-8', 'cross-origin-resource-policy': 'same-origin' },
    });
    expect(JSON.parse(status.body).names.entries).toMatchObject([{ name: 'SHOWN' }]);
    expect(status.headers).not.toHaveProperty('access-control-allow-origin');
  });

  test.each(GUARDED)('%s: the token in the header decides, and nothing else does', async (path) => {
    const fixture = await startRelay(guarded());
    const refused = async (headers: object, query = '') => {
      const { status, body } = await ask(fixture, `${path}${query}`, 'GET', headers);
      return [status, JSON.parse(body)];
    };
    const unknown = [401, { code: 'UNAUTHENTICATED', message: 'bring a token' }];
    expect(await refused({})).toEqual(unknown);
    expect(await refused({ Cookie: 'token=operator; Authorization=Bearer operator' })).toEqual(unknown);
    expect(await refused({}, '?token=operator&access_token=operator')).toEqual(unknown);
    expect(await refused({ Authorization: 'Basic operator' })).toEqual(unknown);
    expect(await refused({ Authorization: 'operator' })).toEqual(unknown);
    expect(await refused(bearer('old'))).toEqual([401, { code: 'TOKEN_EXPIRED', message: 'too old' }]);
    expect(await refused(bearer('banned'))).toEqual([403, { code: 'FORBIDDEN', message: 'go away' }]);
    const stranger = [403, { code: 'FORBIDDEN', message: 'this token does not allow to watch *' }];
    expect(await refused(bearer('stranger'))).toEqual(stranger);
    expect((await ask(fixture, path)).headers['www-authenticate']).toBe('Bearer');
    expect((await ask(fixture, path, 'GET', bearer('operator'))).status).toBe(200);
    expect((await ask(fixture, path, 'HEAD', bearer('operator'))).body).toBe('');
    expect((await ask(fixture, path, 'HEAD')).status).toBe(401);
    expect((await ask(fixture, path, 'POST', bearer('operator'))).status).toBe(405);
    expect(fixture.relay.stats().refusals).toEqual({ UNAUTHENTICATED: 7, TOKEN_EXPIRED: 1, FORBIDDEN: 2 });
  });

  test('one hook alone decides as well', async () => {
    const open = { authenticate: undefined, authorize: undefined };
    const { authenticate, authorize } = guarded() as Required<RelayOptions>;
    const identified = await startRelay(guarded({ ...open, authenticate }));
    // As with `tunnel.watch`: who may see all names has to be said.
    expect((await ask(identified, '/status.json', 'GET', bearer('anybody'))).status).toBe(403);
    expect((await ask(identified, '/status.json')).status).toBe(401);
    const decided = await startRelay(guarded({ ...open, authorize }));
    expect((await ask(decided, '/status.json', 'GET', bearer('operator'))).status).toBe(403);
  });

  test('the application may say why, and decide later', async () => {
    const fixture = await startRelay(guarded({ authorize: async () => ({ code: 'NIGHT', text: 'not at night' }) }));
    const { status, body } = await ask(fixture, '/status.json', 'GET', bearer('operator'));
    expect([status, JSON.parse(body)]).toEqual([403, { code: 'FORBIDDEN', appCode: 'NIGHT', message: 'not at night' }]);
  });

  test('claims that have run out are no claims', async () => {
    const fixture = await startRelay(
      guarded({ authenticate: () => ({ sub: 'operator', exp: Math.floor(Date.now() / 1000) - 1 }) }),
    );
    const { status, body } = await ask(fixture, '/status.json');
    expect([status, JSON.parse(body).code]).toEqual([401, 'TOKEN_EXPIRED']);
  });

  test('a hook that throws is told to the application, and not to the client', async () => {
    const fixture = await startRelay(
      guarded({
        authenticate: () => {
          throw new RangeError('the password is hunter2');
        },
      }),
    );
    const errors: unknown[] = [];
    fixture.relay.on('error', (error) => errors.push(error));
    const { status, body } = await ask(fixture, '/status.json');
    expect([status, JSON.parse(body)]).toEqual([500, { code: 'INTERNAL', message: 'the relay failed to decide' }]);
    expect(errors).toEqual([expect.objectContaining({ code: 'INTERNAL', message: 'the password is hunter2' })]);
  });

  test('only so many are decided on at once, and who leaves is forgotten', async () => {
    const gate = deferred<boolean>();
    let asked = 0;
    const fixture = await startRelay(
      guarded({
        authorize: () => {
          asked++;
          return gate.promise;
        },
      }),
    );
    const { port } = new URL(fixture.url.replace('ws:', 'http:'));
    const socket = connect(Number(port), '127.0.0.1');
    const line = 'GET /trunkline/status.json HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer operator\r\n\r\n';
    socket.write(line);
    await until(() => asked === 1, 'the first question');
    socket.destroy();
    const waiting = Array.from({ length: 63 }, () => ask(fixture, '/status.json', 'GET', bearer('operator')));
    await until(() => asked === 64, 'all questions');
    const { status, body } = await ask(fixture, '/status.json', 'GET', bearer('operator'));
    expect([status, JSON.parse(body).code]).toEqual([503, 'LIMIT_RATE']);
    gate.resolve(true);
    expect((await Promise.all(waiting)).map((answer) => answer.status)).toEqual(Array(63).fill(200));
    expect((await ask(fixture, '/status.json', 'GET', bearer('operator'))).status).toBe(200);
  });
});

describe('/status', () => {
  beforeAll(() => buildStatusPage('dist/status.html'));

  test('holds nothing, runs its own script alone, and is shown in no frame', async () => {
    const fixture = await startRelay(guarded());
    await fixture.relay.connect('SECRET-NAME').opened.catch(() => {});
    const { status, headers, body } = await ask(fixture, '/status');
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
    });
    const policy = String(headers['content-security-policy']);
    expect(policy).toBe(policyOf(body));
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    for (const rule of ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "form-action 'none'"])
      expect(policy.split('; ')).toContain(rule);
    for (const kind of ['script', 'style']) expect(policy).toMatch(new RegExp(`${kind}-src 'sha256-[\\w+/]{43}='`));
    // Nothing from elsewhere, no handler and no style in attributes: the policy would forbid it.
    expect(body).not.toMatch(/(src|href|action)="(?!data:)/);
    expect(body).not.toMatch(/ (on\w+|style)="/);
    expect(body).not.toContain('SECRET-NAME');
    expect((await ask(fixture, '/status', 'HEAD')).body).toBe('');
    expect((await ask(fixture, '/status', 'POST')).status).toBe(405);
  });
});
