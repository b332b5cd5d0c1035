import { describe, expect, test, vi } from 'vitest';
import { createRelay, type RelayLogger } from '../../relay/index.js';
import { describeDefect, MAX_LINES_PER_SECOND, RelayLog } from '../../relay/log.js';
import { StreamClient, StreamServer, TrunklineError } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

interface Line {
  level: string;
  message: string;
  fields: Record<string, unknown>;
}

function record(): { lines: Line[]; logger: RelayLogger; of(message: string): Line[] } {
  const lines: Line[] = [];
  const take = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, fields: fields as Record<string, unknown> });
  const logger = { debug: take('debug'), info: take('info'), warn: take('warn'), error: take('error') };
  return { lines, logger, of: (message) => lines.filter((line) => line.message === message) };
}

describe('a logger', () => {
  test('hears of tunnels, names and refusals, and of the end', async () => {
    const { logger, of, lines } = record();
    const fixture = await startRelay({ logger });
    const tunnel = fixture.dial({ ws: { headers: { 'User-Agent': 'tester/1.0' } } });
    const listener = await fixture.listen('HEARD', (stream) => stream.end('x'), {}, tunnel);
    const stream = StreamClient(fixture.dial()).connect('NOBODY');
    await expect(stream.opened).rejects.toMatchObject({ code: 'NO_LISTENER' });
    await listener.close();
    await until(() => of('name destroyed').length === 1, 'the name to be free');
    tunnel.close();
    await tunnel.closed;
    await until(() => of('tunnel closed').length === 1, 'the line');
    await fixture.relay.drain({ graceMs: 0 });

    expect(of('tunnel opened')[0]).toEqual({
      level: 'info',
      message: 'tunnel opened',
      fields: { tunnel: 1, remoteAddress: '127.0.0.1', userAgent: 'tester/1.0' },
    });
    expect(of('name created').map(({ fields }) => fields)).toEqual([{ name: 'HEARD' }]);
    expect(of('name destroyed')[0]?.fields).toEqual({ name: 'HEARD', durationMs: expect.any(Number) });
    expect(of('stream refused')[0]?.fields).toMatchObject({
      tunnel: 2,
      remoteAddress: '127.0.0.1',
      code: 'NO_LISTENER',
    });
    expect(of('tunnel closed')[0]).toMatchObject({
      level: 'info',
      fields: { tunnel: 1, code: 'TUNNEL_CLOSED', streams: 0, refusals: 0, bytesReceived: expect.any(Number) },
    });
    expect(of('draining')[0]?.fields).toEqual({ graceMs: 0, tunnels: 1 });
    expect(lines.at(-2)?.message).toBe('closing');
    expect(lines.at(-1)).toMatchObject({ message: 'tunnel closed', fields: { code: 'GOING_AWAY' } });
  });

  test('hears of a tunnel that was never let in as refused, and of one cut off as a warning', async () => {
    const { logger, of } = record();
    const authenticate = () => {
      throw new TrunklineError('UNAUTHENTICATED', 'no');
    };
    const fixture = await startRelay({ logger, authenticate });
    await fixture.dial().closed;
    await until(() => of('tunnel refused').length === 1, 'the line');
    expect(of('tunnel refused')[0]).toMatchObject({ level: 'warn', fields: { tunnel: 1, code: 'UNAUTHENTICATED' } });
    expect(of('tunnel opened')).toEqual([]);
  });

  test('hears of a defect by its class and place, and not by its text', async () => {
    const { logger, of } = record();
    const authenticate = () => {
      throw new RangeError('the token was hunter2');
    };
    const fixture = await startRelay({ logger, authenticate });
    fixture.relay.on('error', () => {});
    await fixture.dial({ token: 'hunter2' }).closed;
    await until(() => of('defect').length > 0, 'the line');
    expect(of('defect')[0]).toMatchObject({ level: 'error', fields: { error: 'RangeError' } });
    expect(of('defect')[0]?.fields.at).toEqual(expect.arrayContaining([expect.stringContaining('log.test.ts')]));
    expect(JSON.stringify(of('defect'))).not.toContain('hunter2');
  });

  test('that throws breaks no connection', async () => {
    const thrown: unknown[] = [];
    const { logger } = record();
    const spy = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((callback) => {
      try {
        callback();
      } catch (error) {
        thrown.push(error);
      }
    });
    logger.info = () => {
      throw new Error('the disk is full');
    };
    const fixture = await startRelay({ logger });
    const { client, server } = await fixture.pair();
    logger.info = () => {};
    spy.mockRestore();
    client.end('still here');
    server.end();
    expect((await server.toArray()).join('')).toBe('still here');
    expect(thrown).toContainEqual(new Error('the disk is full'));
    client.resume();
  });

  test.each(['debug', 'info', 'warn', 'error'] as const)('must have %s', (level) => {
    const { logger } = record();
    expect(() => createRelay({ logger: { ...logger, [level]: undefined } as unknown as RelayLogger })).toThrow(
      TypeError,
    );
  });
});

test('no secret gets into a log', async () => {
  const { logger, lines, of } = record();
  const secrets = {
    token: 'TOKEN-5d1f',
    otherToken: 'TOKEN-bad0',
    claim: 'CLAIM-77aa',
    owner: 'OWNER-03b2',
    meta: 'META-91c4',
    appCode: 'APPCODE-22',
    reason: 'REASON-4c1d',
    badName: 'bad name SECRET-NAME',
    payload: 'PAYLOAD-8e',
  };
  const fixture = await startRelay({
    logger,
    status: true,
    resumeWindowMs: 50,
    authenticate: ({ token }) => {
      if (token !== secrets.token) throw new TrunklineError('UNAUTHENTICATED', `not ${token}`);
      return { sub: secrets.claim };
    },
    authorize: ({ name }) => name !== 'FORBIDDEN' || { code: secrets.appCode, text: secrets.reason },
  });
  const { token } = secrets;
  const listening = fixture.dial({ token });
  const options = { owner: secrets.owner, meta: secrets.meta };
  const accept = ({ name }: { name: string }) => name !== 'REFUSES' || { code: secrets.appCode, text: secrets.reason };
  await fixture.listen('NAME', (stream) => stream.end(secrets.payload), { ...options, accept }, listening);
  await fixture.listen('REFUSES', () => {}, { ...options, accept }, listening);
  await fixture.dial({ token: secrets.otherToken }).closed;
  const tunnel = fixture.dial({ token });
  for (const name of ['NAME', 'REFUSES', 'FORBIDDEN', 'NOBODY']) {
    const stream = StreamClient(tunnel).connect(name, { meta: { secret: secrets.meta } });
    stream.on('error', () => {});
    stream.end(secrets.payload);
    await stream.resume().opened.catch(() => {});
  }
  const other = StreamServer(tunnel, { owner: 'another' }, () => {}).listen('NAME');
  await expect(other.ready).rejects.toMatchObject({ code: 'NAME_TAKEN' });
  const headers = { Authorization: `Bearer ${secrets.otherToken}`, Connection: 'close' };
  const response = await fetch(`${fixture.url.replace('ws:', 'http:')}/status.json?token=${token}`, { headers });
  expect(response.status).toBe(401);
  await response.text();
  // Lost and back: endpoint secrets, claims and keys are said again.
  listening.terminate();
  await until(() => of('tunnel closed').some(({ fields }) => fields.code === 'CONNECTION_LOST'), 'the loss');
  tunnel.close();
  await tunnel.closed;

  const text = JSON.stringify(lines);
  for (const [what, secret] of Object.entries(secrets)) expect(text, what).not.toContain(secret);
  // Endpoint secrets, offer ids, uids and keys: all that is random here is 32 hexadecimal digits or longer.
  expect(text).not.toMatch(/[0-9a-f]{16}/);
  expect(of('request refused').map(({ fields }) => fields)).toEqual([
    { remoteAddress: '127.0.0.1', code: 'UNAUTHENTICATED' },
  ]);
  const codes = of('stream refused').map(({ fields }) => fields.code);
  expect(codes).toEqual(['REFUSED', 'FORBIDDEN', 'NO_LISTENER', 'NAME_TAKEN']);
});

describe('lines', () => {
  test('of one kind are held to a number in a second; the next says how many there were besides', () => {
    const { logger, of } = record();
    const clock = { now: 0 };
    const log = new RelayLog(logger, () => clock.now);
    for (let count = 0; count < MAX_LINES_PER_SECOND + 7; count++) log.write('info', 'stream refused', { count });
    log.write('info', 'name created', {});
    expect(of('stream refused')).toHaveLength(MAX_LINES_PER_SECOND);
    expect(of('name created')).toHaveLength(1);
    clock.now = 1000;
    log.write('info', 'stream refused', {});
    log.write('info', 'stream refused', {});
    expect(
      of('stream refused')
        .slice(-2)
        .map(({ fields }) => fields),
    ).toEqual([{ unlogged: 7 }, {}]);
  });

  test('about an error name its cause', () => {
    const cause = new SyntaxError('Unexpected token hunter2');
    const described = describeDefect(new TrunklineError('INTERNAL', 'hunter2', { cause }));
    expect(described).toMatchObject({
      error: 'SyntaxError',
      at: expect.arrayContaining([expect.stringMatching(/^at /)]),
    });
    expect(JSON.stringify(described)).not.toContain('hunter2');
  });
});
