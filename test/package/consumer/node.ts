/** What the public API promises, as a Node program would write it. Never run, only type-checked. */
import { createServer } from 'node:http';
import type { Duplex } from 'node:stream';
import type * as trunkline from 'trunkline';
import { connectTunnel, StreamClient, StreamServer, type Tunnel, type TunnelStream } from 'trunkline';
import type * as nodeModule from 'trunkline/node';
import { connectTcp, listenTcp, TunnelServer } from 'trunkline/node';
import type * as relayModule from 'trunkline/relay';
import { createRelay, type Relay } from 'trunkline/relay';
import { type AnyExports, type AnyMembers, none } from './expect.js';

none<AnyExports<typeof trunkline>>();
none<AnyExports<typeof nodeModule>>();
none<AnyExports<typeof relayModule>>();
none<AnyMembers<Tunnel>>();
none<AnyMembers<Relay>>();
none<AnyMembers<TunnelServer>>();

const relay: Relay = createRelay({});
relay.install(createServer());
relay.install(createServer(), '/trunkline');
relay.on('server.created', (name: string) => console.log(name));
const names: Iterable<string> = relay.servers();
const fromRelay: TunnelStream = relay.connect('NAME', { meta: { a: 1 } });

const tunnel: Tunnel = connectTunnel('ws://localhost/trunkline', { token: 'secret' });
const listener = new StreamServer(tunnel, (stream) => {
  stream satisfies TunnelStream;
  stream.pipe(stream);
}).listen('NAME');
StreamServer(tunnel, { accept: (offer) => offer.name === 'NAME' }, (stream) => stream.end()).listen('NAME');

const stream: TunnelStream = new StreamClient(tunnel).connect('NAME', { meta: [1], waitMs: 1000 });
StreamClient(tunnel)
  .connect('NAME', { signal: AbortSignal.timeout(1000) })
  .destroy();
const duplex: Duplex = stream;
const uid: string = stream.uid;

await tunnel.opened;
await listener.ready;
await listener.close();
await stream.opened;
tunnel.createStream({ meta: 'any JSON value' }).end();
tunnel.close();

const tunnels = TunnelServer({ port: 0, path: '/tunnels', perMessageDeflate: false, modes: ['multi'] });
tunnels.on('tunnel.open', (each, request) => {
  each satisfies Tunnel;
  console.log(request.headers.origin, each.id, each.rttMs);
  each.on('stream', (incoming) => incoming.end());
});
const found: Tunnel | undefined = tunnels.tunnels.get('id');
const overTcp: Tunnel = connectTcp(1234, 'localhost', { mode: 'stream' });
listenTcp({ port: 0 }, (each: Tunnel) => each.close());
const roundTripMs: number = await overTcp.ping();
// @ts-expect-error
tunnels.nonsense();

// @ts-expect-error: there is no such thing, and a tunnel that is `any` would have it
tunnel.nonsense();
// @ts-expect-error
stream.nonsense();
// @ts-expect-error
relay.nonsense();
// @ts-expect-error
listener.nonsense();

export { duplex, found, fromRelay, names, roundTripMs, uid };
