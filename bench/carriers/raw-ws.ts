import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import type { ByteStream, Carrier } from './carrier.js';

/** A socket with more than this in its buffer asks its source to wait. */
const HIGH_WATER_BYTES = 1024 * 1024;
const OPTIONS = { perMessageDeflate: false, skipUTF8Validation: true };

/**
 * The reference: the least a relay over WebSockets can do. One WebSocket per stream and side, each message passed on
 * as it came, a source paused while its sink is full.
 *
 *   client ──/connect──> relay ──id, on the listener's control socket──> listener ──/accept/id──> relay
 */
export const rawWs: Carrier = {
  async startRelay() {
    const server = new WebSocketServer({ ...OPTIONS, host: '127.0.0.1', port: 0, clientTracking: false });
    const waiting = new Map<string, Peer>();
    let listener: WebSocket | undefined;
    let lastId = 0;
    server.on('connection', (webSocket, { url = '', socket }) => {
      webSocket.on('error', () => webSocket.terminate());
      const peer = { webSocket, socket };
      if (url === '/listen') {
        listener = webSocket;
      } else if (url === '/connect') {
        const id = String(++lastId);
        webSocket.pause();
        waiting.set(id, peer);
        listener?.send(id);
      } else {
        const id = url.slice('/accept/'.length);
        const client = waiting.get(id);
        if (client === undefined) return webSocket.close();
        waiting.delete(id);
        forward(client, peer);
        forward(peer, client);
        client.webSocket.resume();
      }
    });
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  },

  async listen(relayPort, onStream) {
    const { webSocket: control } = await dial(relayPort, '/listen');
    control.on('message', (id) => {
      void dial(relayPort, `/accept/${id}`).then((peer) => onStream(toByteStream(peer)));
    });
    control.resume();
  },

  async connect(relayPort) {
    return {
      open: async () => toByteStream(await dial(relayPort, '/connect')),
      another: () => rawWs.connect(relayPort),
      // Nothing is open but the streams.
      close: async () => {},
    };
  },
};

/** The TCP socket beside its WebSocket: that is where 'drain' is. */
interface Peer {
  webSocket: WebSocket;
  socket: Socket;
}

function forward(from: Peer, to: Peer): void {
  from.webSocket.on('message', (data, binary) => {
    to.webSocket.send(data, { binary });
    if (to.webSocket.bufferedAmount > HIGH_WATER_BYTES) from.webSocket.pause();
  });
  to.socket.on('drain', () => from.webSocket.resume());
  from.webSocket.on('close', () => to.webSocket.close());
}

async function dial(relayPort: number, path: string): Promise<Peer> {
  const webSocket = new WebSocket(`ws://127.0.0.1:${relayPort}${path}`, OPTIONS);
  const [[response]] = await Promise.all([once(webSocket, 'upgrade') as Promise<[IncomingMessage]>, opened(webSocket)]);
  return { webSocket, socket: response.socket };
}

/** Messages may follow at once: they wait until somebody listens. */
async function opened(webSocket: WebSocket): Promise<void> {
  webSocket.once('open', () => webSocket.pause());
  await once(webSocket, 'open');
}

function toByteStream({ webSocket, socket }: Peer): ByteStream {
  return {
    write: (bytes) => {
      webSocket.send(bytes);
      return webSocket.bufferedAmount < HIGH_WATER_BYTES;
    },
    whenDrained: async () => {
      await once(socket, 'drain');
    },
    onData: (listener) => {
      webSocket.on('message', (data) => listener(data as Buffer));
      webSocket.resume();
    },
    pause: () => webSocket.pause(),
    close: async () => {
      webSocket.close();
      if (webSocket.readyState !== WebSocket.CLOSED) await once(webSocket, 'close');
    },
  };
}
