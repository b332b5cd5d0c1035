import { once } from 'node:events';
import { type Duplex, duplexPair } from 'node:stream';
import { MessageChannel } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { connectDuplex, connectPort, TunnelAcceptor } from '../../src/index.js';
import type { PortLike } from '../../src/runtime/transports.js';
import { endTunnelsAfterEach, track, trackDialed } from '../sdk-node/tunnel-fixture.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();
endTunnelsAfterEach();

const ends = (): [Duplex, Duplex] => duplexPair() as [Duplex, Duplex];

describe('a single Duplex', () => {
  it('is all there is: its end is the tunnel’s', async () => {
    const { server: acceptor, accepted } = track(new TunnelAcceptor());
    const [here, there] = ends();
    acceptor.acceptDuplex(there);
    const tunnel = trackDialed(connectDuplex(here));
    await tunnel.opened;
    there.end();
    expect((await tunnel.closed).code).toBe('CONNECTION_LOST');
    expect((await accepted[0]!.closed).code).toBe('CONNECTION_LOST');
    await until(() => here.closed && there.closed, 'that both are closed');
  });

  it('one that is over already', async () => {
    const [here] = ends();
    here.destroy();
    expect((await trackDialed(connectDuplex(here)).closed).code).toBe('CONNECTION_LOST');
  });

  it('that has something else at its other end is found out, and closed', async () => {
    const [here, there] = ends();
    const tunnel = trackDialed(connectDuplex(here));
    there.resume().write('SSH-2.0-OpenSSH_9.6\r\n');
    expect((await tunnel.closed).message).toContain('SSH-2.0-OpenSSH');
    await until(() => here.destroyed, 'that it is closed');
  });

  it('is closed with the tunnel, in order', async () => {
    const { server: acceptor } = track(new TunnelAcceptor());
    const [here, there] = ends();
    acceptor.acceptDuplex(there);
    const tunnel = trackDialed(connectDuplex(here));
    await tunnel.opened;
    tunnel.close();
    await until(() => here.closed && there.closed, 'that both are closed');
    expect([here.errored, there.errored]).toEqual([null, null]);
  });

  it('cannot be resumed, and says so before it is touched', () => {
    const [here] = ends();
    for (const options of [{ resumeWindowMs: 1 }, { keepBrokenTunnelMs: 1 }])
      expect(() => connectDuplex(here, options)).toThrow('give a function that makes one');
    expect(() => connectPort(new MessageChannel().port1 as PortLike, { resumeWindowMs: 1 })).toThrow(TypeError);
    expect(() => connectDuplex(here, { resumeWindowMs: 0, idleTimeoutMs: 0.5 })).toThrow(RangeError);
    expect(here.listenerCount('data')).toBe(0);
  });
});

describe('a function that makes them', () => {
  it('what its first call throws is thrown; later it has failed like any dial, and is called again', async () => {
    const { server: acceptor } = track(new TunnelAcceptor());
    const broken = (): never => {
      throw new Error('made up');
    };
    expect(() => connectDuplex(broken)).toThrow('made up');
    const made: Duplex[] = [];
    let calls = 0;
    const tunnel = trackDialed(
      connectDuplex(() => {
        if (++calls === 2) broken();
        const [here, there] = ends();
        acceptor.acceptDuplex(there);
        made.push(here);
        return here;
      }),
    );
    await tunnel.opened;
    const resumed = once(tunnel, 'resume');
    made[0]!.destroy();
    await resumed;
    expect(calls).toBe(3);
  });

  it('the window of both sides counts', async () => {
    const { server: acceptor, accepted } = track(new TunnelAcceptor({ keepBrokenTunnelMs: 50 }));
    let made: Duplex | undefined;
    const tunnel = trackDialed(
      connectDuplex(
        () => {
          if (made !== undefined) throw new Error('made up');
          const [here, there] = ends();
          acceptor.acceptDuplex(there);
          made = here;
          return here;
        },
        { keepBrokenTunnelMs: 50 },
      ),
    );
    await tunnel.opened;
    made?.end();
    expect((await tunnel.closed).code).toBe('RESUME_EXPIRED');
    expect((await accepted[0]!.closed).code).toBe('RESUME_EXPIRED');
  });
});

it('a port that is closed ends its tunnel', async () => {
  const { server: acceptor, accepted } = track(new TunnelAcceptor());
  const { port1, port2 } = new MessageChannel();
  acceptor.acceptPort(port2 as PortLike);
  const tunnel = trackDialed(connectPort(port1 as PortLike));
  await tunnel.opened;
  port2.close();
  expect((await tunnel.closed).code).toBe('CONNECTION_LOST');
  expect((await accepted[0]!.closed).code).toBe('CONNECTION_LOST');
});
