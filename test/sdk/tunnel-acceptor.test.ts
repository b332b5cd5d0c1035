import { once } from 'node:events';
import { type Duplex, duplexPair } from 'node:stream';
import { describe, expect, it } from 'vitest';
import {
  connectDuplex,
  type DialedTunnelOptions,
  type Tunnel,
  TunnelAcceptor,
  type TunnelAcceptorOptions,
  type TunnelStream,
} from '../../src/index.js';
import { echoOf, endTunnelsAfterEach, track, trackDialed } from '../sdk-node/tunnel-fixture.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { readSeeded, writeSeeded } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();
endTunnelsAfterEach();

/** A tunnel over pairs in memory, of which each is cut by destroying its ends. */
function dialTo(acceptor: TunnelAcceptor, options?: DialedTunnelOptions) {
  const ends: Duplex[] = [];
  const tunnel = trackDialed(
    connectDuplex(() => {
      const [here, there] = duplexPair() as [Duplex, Duplex];
      ends.push(here, there);
      acceptor.acceptDuplex(there);
      return here;
    }, options),
  );
  const cut = () => {
    for (const end of ends.splice(0)) end.destroy();
  };
  return { tunnel, cut };
}

async function pair(options?: TunnelAcceptorOptions, dialer?: DialedTunnelOptions) {
  const { server: acceptor, accepted } = track(new TunnelAcceptor(options));
  const { tunnel: here, cut } = dialTo(acceptor, dialer);
  await here.opened;
  return { acceptor, accepted, here, there: accepted[0] as Tunnel, cut };
}

describe('tunnel.open', () => {
  it('comes before any stream, however early that was opened', async () => {
    const events: string[] = [];
    const { server: acceptor } = track(
      new TunnelAcceptor({}, (tunnel) => {
        events.push('tunnel');
        tunnel.on('stream', (stream: TunnelStream) => {
          events.push('stream');
          stream.pipe(stream);
        });
      }),
    );
    const { tunnel } = dialTo(acceptor);
    expect(await echoOf(tunnel.createStream(), 'early')).toBe('early');
    expect(events).toEqual(['tunnel', 'stream']);
  });

  it('a listener may close the tunnel there and then', async () => {
    const { server: acceptor } = track(new TunnelAcceptor({}, (tunnel) => tunnel.close('not today')));
    const { tunnel } = dialTo(acceptor);
    expect(await tunnel.closed).toMatchObject({ code: 'TUNNEL_CLOSED', message: 'not today' });
    expect(acceptor.tunnels.size).toBe(0);
  });
});

describe('many connections that say nothing', () => {
  it('past 1,024 the next one is told LIMIT_RATE, and there is room again when they are gone', async () => {
    const { server: acceptor } = track(new TunnelAcceptor());
    const silent = Array.from({ length: 1024 }, () => {
      const [here, there] = duplexPair() as [Duplex, Duplex];
      acceptor.acceptDuplex(there);
      return { here, there };
    });
    expect((await dialTo(acceptor).tunnel.closed).code).toBe('LIMIT_RATE');
    for (const end of silent.flatMap(Object.values)) end.destroy();
    const { unidentified } = acceptor as unknown as { unidentified: ReadonlySet<unknown> };
    await until(() => unidentified.size === 0, 'that they are gone');
    const { tunnel } = dialTo(acceptor);
    await tunnel.opened;
  });

  it('each has the handshake timeout', async () => {
    const { server: acceptor } = track(new TunnelAcceptor({ handshakeTimeoutMs: 50 }));
    const [, there] = duplexPair() as [Duplex, Duplex];
    acceptor.acceptDuplex(there);
    await once(there, 'close');
  });
});

describe('close', () => {
  it('what comes after it is turned away', async () => {
    const acceptor = new TunnelAcceptor();
    await acceptor.close();
    const { tunnel } = dialTo(acceptor);
    expect((await tunnel.closed).code).toBe('GOING_AWAY');
  });

  it('waits for connections, and says close once', async () => {
    const { acceptor, here, there } = await pair();
    const events: string[] = [];
    acceptor.on('tunnel.close', (_tunnel, error) => events.push(error.message)).on('close', () => events.push('close'));
    await Promise.all([acceptor.close('first'), acceptor.close('second')]);
    expect(events).toEqual(['first', 'close']);
    expect([(await here.closed).message, (await there.closed).message]).toEqual(['first', 'first']);
  });

  it('a tunnel that waits for its dialer is over', async () => {
    const { acceptor, there, cut } = await pair({ keepBrokenTunnelMs: 60_000 }, { keepBrokenTunnelMs: 0 });
    cut();
    // It did not say that it could come back.
    expect((await there.closed).code).toBe('CONNECTION_LOST');
    expect(acceptor.tunnels.size).toBe(0);
  });

  it('await using', async () => {
    let tunnel: Tunnel;
    {
      await using acceptor = new TunnelAcceptor();
      tunnel = dialTo(acceptor).tunnel;
      await tunnel.opened;
    }
    expect((await tunnel.closed).code).toBe('TUNNEL_CLOSED');
  });
});

describe('mode stream', () => {
  it('goes on after a cut, and closes in order at its end', async () => {
    const { here, there, cut } = await pair({}, { mode: 'stream' });
    there.on('stream', (stream: TunnelStream) => stream.pipe(stream));
    const stream = here.createStream();
    let left = 2_000_000;
    stream.on('data', (chunk: Buffer) => {
      if (left > 0 && left <= chunk.length) cut();
      left -= chunk.length;
    });
    const [{ bytes }] = await Promise.all([readSeeded(stream, 1), writeSeeded(stream, 1, 4_000_000)]);
    expect(bytes).toBe(4_000_000);
    for (const tunnel of [here, there]) expect((await tunnel.closed).code).toBe('TUNNEL_CLOSED');
    expect([stream.errored, stream.readableEnded, stream.writableFinished]).toEqual([null, true, true]);
  });

  it('its only stream was refused: the tunnel is over', async () => {
    const { here, there } = await pair({}, { mode: 'stream' });
    await expect(here.createStream().opened).rejects.toMatchObject({ code: 'REFUSED' });
    for (const tunnel of [here, there]) expect((await tunnel.closed).code).toBe('TUNNEL_CLOSED');
  });
});

describe('pause', () => {
  it('holds on over the next connection', async () => {
    const { here, there, cut } = await pair();
    const accepted: TunnelStream[] = [];
    here.on('stream', (stream: TunnelStream) => {
      accepted.push(stream);
      stream.pipe(stream);
    });
    here.pause();
    const resumed = once(here, 'resume');
    cut();
    await resumed;
    expect(here.isPaused).toBe(true);
    const stream = there.createStream();
    const witness = await pair();
    await witness.here.ping();
    expect(accepted).toEqual([]);
    here.resume();
    expect(await echoOf(stream, 'on')).toBe('on');
  });

  it('so long that the other side takes it for lost: resumed, it comes back', async () => {
    const { here, there } = await pair({ heartbeat: { intervalMs: 50, timeoutMs: 50 } });
    there.on('stream', (stream: TunnelStream) => stream.pipe(stream));
    const stream = here.createStream();
    await stream.opened;
    const lost = once(there, 'suspend');
    here.pause();
    expect((await lost)[0]).toMatchObject({ code: 'CONNECTION_LOST' });
    here.resume();
    expect(await echoOf(stream, 'still the same')).toBe('still the same');
    expect(here.isPaused).toBe(false);
  });

  it('without a connection there is nothing to pause', async () => {
    const { here } = await pair();
    here.close();
    expect(() => here.pause()).toThrow(expect.objectContaining({ code: 'CONNECTION_LOST' }));
    here.resume();
    expect(here.isPaused).toBe(false);
  });
});
