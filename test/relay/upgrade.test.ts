import { describe, expect, it } from 'vitest';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { RawPeer } from '../support/raw-peer.js';
import { startRelay } from '../support/relay-fixture.js';

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
