// Whole tunnels over what this room offers besides WebSockets: endpoints and a relay, with the real driver on each side.
import { type Duplex, duplexPair } from 'node:stream';
import { MessageChannel } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { StreamClient, type TrunklineError } from '../../src/index.js';
import { DialedTunnel } from '../../src/runtime/dialed-tunnel.js';
import { ByteStreamConnection } from '../../src/transport/byte-stream.js';
import type { Connection } from '../../src/transport/connection.js';
import { MessagePortConnection } from '../../src/transport/message-port.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { type RelayFixture, startRelay } from '../support/relay-fixture.js';
import { readSeeded, writeSeeded } from '../support/seeded-bytes.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

const MIB = 1024 * 1024;

/** How a relay takes a connection that it did not upgrade. */
interface Carrier {
  carry(transport: Connection, request: undefined): void;
}

/** Two ends, and how to break what is between them. */
interface Ends {
  here: Connection;
  there: Connection;
  cut(): void;
}

const KINDS: [string, () => Ends][] = [
  ['a byte stream', byteStreamEnds],
  ['a port', portEnds],
];

function byteStreamEnds(): Ends {
  const [left, right] = duplexPair() as [Duplex, Duplex];
  const cut = (): void => {
    left.destroy();
    right.destroy();
  };
  return { here: new ByteStreamConnection(left), there: new ByteStreamConnection(right), cut };
}

function portEnds(): Ends {
  const { port1, port2 } = new MessageChannel();
  const [here, there] = [port1, port2].map((port) => new MessagePortConnection(port));
  return { here: here!, there: there!, cut: () => port1.close() };
}

/** A tunnel to the relay over such ends; `cuts` breaks the connection that it has. */
function dialOver(fixture: RelayFixture, makeEnds: () => Ends) {
  let ends!: Ends;
  let dials = 0;
  const tunnel = new DialedTunnel([
    () => {
      ends = makeEnds();
      dials++;
      (fixture.relay as unknown as Carrier).carry(ends.there, undefined);
      return ends.here;
    },
  ]);
  fixture.tunnels.push(tunnel);
  return { tunnel, cut: () => ends.cut(), dials: () => dials };
}

describe.each(KINDS)('tunnels over %s', (_kind, makeEnds) => {
  it('carry a stream of 8 MiB each way, through a relay', async () => {
    const fixture = await startRelay();
    const [near, far] = [dialOver(fixture, makeEnds), dialOver(fixture, makeEnds)];
    const { client, server } = await fixture.pair('BULK', { client: near.tunnel, server: far.tunnel });
    const results = await Promise.all([
      readSeeded(client, 1),
      readSeeded(server, 2),
      writeSeeded(server, 1, 8 * MIB),
      writeSeeded(client, 2, 8 * MIB),
    ]);
    expect([results[0].bytes, results[1].bytes]).toEqual([8 * MIB, 8 * MIB]);
    expect([near.dials(), far.dials()]).toEqual([1, 1]);
  });

  it('outlive it: what was cut off in the middle of a transfer goes on over another', async () => {
    const fixture = await startRelay();
    const [near, far] = [dialOver(fixture, makeEnds), dialOver(fixture, makeEnds)];
    const { client, server } = await fixture.pair('CUT', { client: near.tunnel, server: far.tunnel });
    let received = 0;
    client.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    const reading = readSeeded(client, 1);
    const writing = writeSeeded(server, 1, 4 * MIB);
    for (const [part, side] of [near, far, near].entries()) {
      await until(() => received > (part + 1) * MIB, `the transfer of ${part + 1} MiB`);
      const dials = side.dials();
      side.cut();
      await until(() => side.dials() > dials && side.tunnel.state === 'open', 'another connection');
    }
    await writing;
    client.end();
    server.resume();
    expect((await reading).bytes).toBe(4 * MIB);
  });

  it('end for both sides when one is closed', async () => {
    const fixture = await startRelay();
    const { tunnel } = dialOver(fixture, makeEnds);
    const far = dialOver(fixture, makeEnds);
    const { client, server } = await fixture.pair('CLOSE', { client: tunnel, server: far.tunnel });
    const failed = Promise.all(
      [client, server].map((stream) => new Promise<Error>((resolve) => stream.once('error', resolve))),
    );
    tunnel.close('enough');
    expect((await tunnel.closed).code).toBe('TUNNEL_CLOSED');
    expect((await failed).map((error) => (error as TrunklineError).code)).toEqual(['TUNNEL_CLOSED', 'TUNNEL_CLOSED']);
    await until(() => fixture.relay.stats().tunnels.active === 1, 'that the relay has let go of it');
  });
});

it('a tunnel inside a stream of another tunnel carries streams, and ends when that stream does', async () => {
  const fixture = await startRelay();
  const { client, server } = await fixture.pair('OUTER');
  const inner = dialOver(fixture, () => ({
    here: new ByteStreamConnection(client),
    there: new ByteStreamConnection(server),
    cut: () => client.destroy(),
  }));
  await fixture.listen('INNER', (stream) => stream.pipe(stream));
  const stream = StreamClient(inner.tunnel).connect('INNER');
  const [echo] = await Promise.all([readSeeded(stream, 1), writeSeeded(stream, 1, 2 * MIB)]);
  expect(echo.bytes).toBe(2 * MIB);
  inner.tunnel.close();
  await until(() => client.closed && server.closed, 'the end of the outer stream');
  expect([client.errored, server.errored]).toEqual([null, null]);
});
