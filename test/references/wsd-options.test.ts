// wsd, further options of ws: a TunnelServer takes them, and a relay in `ws`.
import { once } from 'node:events';
import { Server, type Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { endTunnelsAfterEach, serve, tunnelPair, works } from '../sdk-node/tunnel-fixture.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { frame, RawPeer, Type } from '../support/raw-peer.js';
import { startRelay } from '../support/relay-fixture.js';

checkLeaksAfterEach();
endTunnelsAfterEach();

/** Where a peer dials, by what serves there. */
const SERVED = {
  TunnelServer: async (ws: object) => (await serve(ws)).url,
  'createRelay({ ws })': async (ws: object) => (await startRelay({ ws })).url,
};
const BOTH = Object.keys(SERVED) as (keyof typeof SERVED)[];

describe('backlog', () => {
  it.each([
    [{ backlog: 7 }, 7],
    [{}, null],
  ])('with %j it is %j that Node is asked to listen with', async (options, backlog) => {
    const listen = vi.spyOn(Server.prototype, 'listen');
    try {
      await works(await tunnelPair(await serve(options)));
      const [port, host, asked] = listen.mock.calls[0] as unknown[];
      expect([port, host, asked]).toEqual([0, '127.0.0.1', backlog]);
    } finally {
      listen.mockRestore();
    }
  });
});

describe.each(BOTH)('autoPong of a %s', (kind) => {
  it.each([
    [{ autoPong: false }, []],
    [{ autoPong: true }, ['anybody there']],
    [{}, ['anybody there']],
  ])('%j: a ping of the WebSocket is answered by %j, one of the protocol always', async (options, answers) => {
    const peer = await RawPeer.ready(await SERVED[kind](options));
    const pongs: string[] = [];
    peer.socket.on('pong', (payload) => pongs.push(String(payload)));
    peer.socket.ping('anybody there');
    // Its answer comes behind the other's.
    peer.send(frame(0, Type.PING, Buffer.alloc(8, 1)));
    await peer.next(Type.PONG);
    expect(pongs).toEqual(answers);
    await peer.close();
  });
});

/** Another protocol's WebSocket at a TunnelServer: both its ends. */
async function chatPair(options: object): Promise<{ here: WebSocket; there: WebSocket }> {
  const { server, url } = await serve({ ...options, handleProtocols: () => 'chat' });
  const connected = once(server, 'connection') as Promise<[WebSocket]>;
  const here = new WebSocket(url, ['chat']);
  await once(here, 'open');
  const [there] = await connected;
  return { here, there };
}

describe('closeTimeout', () => {
  it('of a WebSocket whose peer does not answer its close: it is over when that has passed, not half a minute later', async () => {
    const { here, there } = await chatPair({ closeTimeout: 50 });
    here.pause();
    there.close(4001, 'enough');
    const [code] = await once(there, 'close');
    expect(code).toBe(1006);
    here.terminate();
  });

  it('of a tunnel: however long it is, the tunnel has a patience of its own, and waits for no answer', async () => {
    // The types of ws do not know it yet.
    const patient = { closeTimeout: 600_000 };
    const served = await serve(patient);
    const peer = await RawPeer.ready(served.url);
    const webSocket = [...served.server.clients][0] as WebSocket;
    peer.socket.pause();
    served.accepted[0]!.close('enough');
    expect((await once(webSocket, 'close'))[0]).toBe(1006);
    await peer.terminate();
  });
});

describe.each(BOTH)('WebSocket of a %s', (kind) => {
  it('is the class whose objects it makes, and tunnels go over them', async () => {
    const made: WebSocket[] = [];
    class Own extends WebSocket {
      constructor(...given: [null]) {
        super(...given);
        made.push(this);
      }
    }
    const peer = await RawPeer.ready(await SERVED[kind]({ WebSocket: Own }));
    peer.send(frame(0, Type.PING, Buffer.alloc(8, 2)));
    expect((await peer.next(Type.PONG)).payload).toEqual(Buffer.alloc(8, 2));
    expect(made.map(({ protocol }) => protocol)).toEqual(['trunkline.1']);
    await peer.close();
  });
});

describe('allowSynchronousEvents', () => {
  it.each([
    [{}, [0, 0]],
    [{ allowSynchronousEvents: true }, [0, 0]],
    [{ allowSynchronousEvents: false }, [0, 1]],
  ])('with %j two messages that come together are told in turns %j of the event loop', async (options, turns) => {
    const { here, there } = await chatPair(options);
    const told: number[] = [];
    let turn = 0;
    const both = new Promise<void>((resolve) => {
      there.on('message', () => {
        told.push(turn);
        setImmediate(() => turn++);
        if (told.length === 2) resolve();
      });
    });
    const { _socket: socket } = here as unknown as { _socket: Socket };
    socket.cork();
    for (const text of ['one', 'two']) here.send(text);
    socket.uncork();
    await both;
    expect(told).toEqual(turns);
    here.close();
    await once(here, 'close');
  });

  it('false: a tunnel is none the wiser', async () => {
    await works(await tunnelPair(await serve({ allowSynchronousEvents: false })));
  });
});
