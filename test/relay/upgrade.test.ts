import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { TrunklineError } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { RawPeer } from '../support/raw-peer.js';
import { startRelay } from '../support/relay-fixture.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

describe("options of ws's server", () => {
  it('pass through: verifyClient may refuse', async () => {
    const fixture = await startRelay({
      ws: {
        verifyClient: ({ req }: { req: { headers: Record<string, string> } }) => req.headers['x-key'] === 'sesame',
      },
    });
    const stranger = fixture.dial();
    await expect(stranger.opened).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect((await stranger.closed).message).toContain('401');
    const friend = fixture.dial({ ws: { headers: { 'X-Key': 'sesame' } } });
    await friend.opened;
  });

  it('pass through: compression where it is asked for on both sides', async () => {
    const fixture = await startRelay({ ws: { perMessageDeflate: true } });
    const plain = await RawPeer.dial(fixture.url);
    expect(plain.socket.extensions).toBe('');
    await plain.close();
    const { client, server } = await fixture.pair('DEFLATED', {
      client: fixture.dial({ ws: { perMessageDeflate: true } }),
    });
    client.end('a'.repeat(100_000));
    let bytes = 0;
    for await (const chunk of server) bytes += (chunk as Buffer).length;
    expect(bytes).toBe(100_000);
    client.destroy();
  });

  it('cannot take away what the relay needs', async () => {
    const fixture = await startRelay({ ws: { maxPayload: 10, noServer: false, clientTracking: true } });
    await fixture.dial().opened;
  });
});

describe("hooks of ws's server that fail", () => {
  function broken(): never {
    throw new Error('made up');
  }
  type Answer = (isWelcome: boolean, status?: number) => void;

  /** What a client gets that dials a relay with this hook, and what the relay tells meanwhile. */
  async function dialed(ws: object) {
    const fixture = await startRelay({ ws });
    const told: unknown[] = [];
    for (const event of ['error', 'connection']) fixture.relay.on(event, (what) => told.push(what));
    const webSocket = new WebSocket(fixture.url, ['trunkline.1', 'other']);
    const [[{ message }]] = await Promise.all([
      once(webSocket, 'error') as Promise<[Error]>,
      until(() => told.length > 0, 'the error event'),
    ]);
    return { message, told, fixture };
  }

  it.each<[string, object]>([
    ['verifyClient that throws', { verifyClient: (_info: object) => broken() }],
    ['verifyClient that calls back, and throws', { verifyClient: (_info: object, _answer: Answer) => broken() }],
    ['async verifyClient', { verifyClient: async (_info: object) => broken() }],
    ['async verifyClient that calls back', { verifyClient: async (_info: object, _answer: Answer) => broken() }],
    ['handleProtocols that throws', { handleProtocols: () => broken() }],
    [
      'handleProtocols that throws after a verifyClient that calls back late',
      {
        verifyClient: (_info: object, answer: Answer) => setImmediate(answer, true),
        handleProtocols: () => broken(),
      },
    ],
  ])('%s: the upgrade is refused with a 500, and the relay tells it', async (_what, ws) => {
    const { message, told, fixture } = await dialed(ws);
    expect(message).toBe('Unexpected server response: 500');
    expect(told).toMatchObject([{ code: 'INTERNAL', cause: { message: 'made up' } }]);
    expect(fixture.relay.stats().tunnels).toMatchObject({ active: 0, opened: 0 });
  });

  it('are told as INTERNAL, whatever they throw', async () => {
    const forbidden = new TrunklineError('FORBIDDEN', 'not you');
    const { message, told } = await dialed({
      verifyClient: () => {
        throw forbidden;
      },
    });
    expect(message).toBe('Unexpected server response: 500');
    expect(told).toMatchObject([{ code: 'INTERNAL', cause: forbidden }]);
  });

  it('fail for those for whom they do, and for nobody else', async () => {
    const fixture = await startRelay({
      ws: { verifyClient: ({ origin }: { origin: string }) => new URL(origin).protocol === 'https:' },
    });
    const failed = once(fixture.relay, 'error');
    const program = new WebSocket(fixture.url, 'trunkline.1');
    expect(((await once(program, 'error')) as [Error])[0].message).toBe('Unexpected server response: 500');
    expect((await failed)[0]).toMatchObject({ code: 'INTERNAL', cause: { code: 'ERR_INVALID_URL' } });
    const origin = `https://${new URL(fixture.url).host}`;
    await fixture.dial({ ws: { headers: { Origin: origin } } }).opened;
  });
});

describe('handleProtocols', () => {
  it('is asked once, for who is let in, with what is offered; what it picks is spoken', async () => {
    const asked: string[][] = [];
    let isWelcome = false;
    const fixture = await startRelay({
      ws: {
        verifyClient: () => isWelcome,
        handleProtocols: (offered: Set<string>) => {
          asked.push([...offered]);
          return 'trunkline.1';
        },
      },
    });
    const refused = new WebSocket(fixture.url, 'trunkline.1');
    expect(((await once(refused, 'error')) as [Error])[0].message).toBe('Unexpected server response: 401');
    expect(asked).toEqual([]);
    isWelcome = true;
    const peer = await RawPeer.dial(fixture.url, ['other', 'trunkline.1']);
    expect(peer.socket.protocol).toBe('trunkline.1');
    expect(asked).toEqual([['other', 'trunkline.1']]);
    await peer.close();
  });
});
