/** What a tunnel acceptor decides beside its core: R160 to R162 as well, and R167 and R168. The dialer is written by hand. */
import { expect, test } from 'vitest';
import type { TunnelAcceptorOptions } from '../../src/sdk/acceptor-options.js';
import { TunnelAcceptor } from '../../src/sdk/tunnel-acceptor.js';
import { SteppedClock } from '../runtime/stepped-clock.js';
import { WiredConnection } from '../runtime/wired-connection.js';
import { loadVectors, parseBytes } from './vectors.js';
import { readMessage, type WireFrame } from './wire.js';

const SECRET = 'e'.repeat(32);

class Dialers {
  private readonly clock = new SteppedClock();
  private readonly acceptor: TunnelAcceptor;

  constructor(options: TunnelAcceptorOptions = {}) {
    this.acceptor = new TunnelAcceptor(options, undefined, this.clock);
  }

  /** Says HELLO with these fields. Returns all that is said to it, now and later. */
  dial(fields: object): { frames: () => WireFrame[] } {
    const connection = new WiredConnection();
    this.acceptor.acceptConnection(connection, undefined);
    connection.receive(hello(fields));
    this.clock.run();
    return { frames: () => connection.sent.splice(0).flatMap((message) => readMessage(message)) };
  }

  answer(fields: object): Record<string, unknown> {
    const [frame] = this.dial(fields).frames();
    return { type: frame?.type, ...(frame?.json as object) };
  }

  async close(): Promise<void> {
    const closed = this.acceptor.close();
    this.clock.elapse(10_000);
    await closed;
    expect([this.acceptor.tunnels.size, this.clock.timerCount]).toEqual([0, 0]);
  }
}

function hello(fields: object): Uint8Array {
  const payload = Buffer.from(JSON.stringify({ version: 1, limits: { earlyWindowBytes: 16_384 }, ...fields }));
  const header = Buffer.alloc(8);
  header.writeUInt8(1, 4);
  header.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([header, payload]);
}

test('the HELLO of these tests is that of the vectors', () => {
  expect(Buffer.from(hello({}))).toEqual(Buffer.from(parseBytes(loadVectors().hello, new Map())));
});

test.each([
  { takes: ['multi'] as const, asked: 'stream' },
  { takes: ['stream'] as const, asked: 'multi' },
  { takes: ['stream'] as const, asked: undefined },
])('R167: it takes $takes, and is asked for $asked: FORBIDDEN', async ({ takes, asked }) => {
  const dialers = new Dialers({ modes: takes });
  const { frames } = dialers.dial(asked === undefined ? {} : { mode: asked });
  expect(frames().map(({ type, json }) => [type, (json as { code?: string }).code])).toEqual([['GOAWAY', 'FORBIDDEN']]);
  expect(dialers.answer({ mode: takes[0] }).type).toBe('WELCOME');
  await dialers.close();
});

test('R168: the protocol that is picked is one of those that were offered, or none', async () => {
  const picks: string[][] = [];
  const pick = (offered: Set<string>) => {
    picks.push([...offered]);
    return [...offered].at(-1) === 'strange' ? 'another' : ([...offered].at(-1) ?? false);
  };
  const dialers = new Dialers({ handleProtocols: pick });
  expect(dialers.answer({ protocols: ['one', 'two'] }).protocol).toBe('two');
  expect(dialers.answer({ protocols: ['strange'] })).not.toHaveProperty('protocol');
  expect(dialers.answer({ protocols: [] })).not.toHaveProperty('protocol');
  expect(dialers.answer({})).not.toHaveProperty('protocol');
  expect(picks).toEqual([['one', 'two'], ['strange']]);
  await dialers.close();
});

test('R168: nobody picks: none', async () => {
  const dialers = new Dialers();
  expect(dialers.answer({ protocols: ['one'] })).not.toHaveProperty('protocol');
  await dialers.close();
});

test('R160, R161: whoever shows the secret again has the same tunnel, its id alone gives another', async () => {
  const dialers = new Dialers();
  const first = dialers.dial({ endpoint: SECRET });
  const { tunnelId, isReturning } = first.frames()[0]!.json as { tunnelId: string; isReturning?: boolean };
  expect([/^[0-9a-f]{32}$/.test(tunnelId), tunnelId === SECRET, isReturning ?? false]).toEqual([true, false, false]);
  const stranger = dialers.answer({ endpoint: tunnelId });
  expect([stranger.isReturning ?? false, stranger.tunnelId === tunnelId]).toEqual([false, false]);
  expect(first.frames().filter(({ type }) => type !== 'PING')).toEqual([]);
  expect(dialers.answer({ endpoint: SECRET })).toMatchObject({ tunnelId, isReturning: true });
  expect(first.frames().map(({ type, json }) => [type, (json as { code?: string }).code])).toEqual([
    ['GOAWAY', 'CONNECTION_LOST'],
  ]);
  await dialers.close();
});

test('R162: nobody comes back without a secret, and nothing is kept for them', async () => {
  const dialers = new Dialers();
  const [one, two] = [dialers.answer({}), dialers.answer({})];
  expect([one.resumeWindowMs ?? 0, two.resumeWindowMs ?? 0, one.tunnelId === two.tunnelId]).toEqual([0, 0, false]);
  await dialers.close();
});
