import { StreamClient, StreamServer } from 'trunkline';
import { type ExchangeOptions, type ExchangeResult, exchange } from './exchange.js';
import { type RelayFixture, test } from './fixtures.js';
import { connectInPage, expectAllArrived, finishExchange, listenInPage, MIB, startExchange } from './page-exchange.js';

const BYTES = 64 * MIB;
const OF_LISTENER: ExchangeOptions = { bytes: BYTES, seed: 11, peerSeed: 22 };
const OF_CLIENT: ExchangeOptions = { bytes: BYTES, seed: 22, peerSeed: 11 };

async function listenInNode(relayed: RelayFixture, name: string): Promise<() => Promise<ExchangeResult>> {
  const streams: Promise<ExchangeResult>[] = [];
  const listener = StreamServer(relayed.dial(), (stream) => streams.push(exchange(stream, OF_LISTENER))).listen(name);
  await listener.ready;
  return () => streams[0] as Promise<ExchangeResult>;
}

function connectInNode(relayed: RelayFixture, name: string): Promise<ExchangeResult> {
  return exchange(StreamClient(relayed.dial()).connect(name), OF_CLIENT);
}

test.describe('64 MiB each way, at the same time, in writes of random sizes', () => {
  test('page to page, in two browser contexts', async ({ openPage }) => {
    const listener = { page: await openPage(), options: OF_LISTENER };
    const client = { page: await openPage(), options: OF_CLIENT };
    await finishExchange(await startExchange(listener, client));
  });

  test('page to Node', async ({ relayed, openPage }) => {
    const result = await listenInNode(relayed, 'NODE');
    const client = await connectInPage('NODE', { page: await openPage(), options: OF_CLIENT });
    expectAllArrived(await result(), client);
  });

  test('Node to page', async ({ relayed, openPage }) => {
    const result = await listenInPage('PAGE', { page: await openPage(), options: OF_LISTENER });
    const client = await connectInNode(relayed, 'PAGE');
    expectAllArrived(await result(), client);
  });

  test('Node to Node, through the built package', async ({ relayed }) => {
    const result = await listenInNode(relayed, 'NODE');
    const client = await connectInNode(relayed, 'NODE');
    expectAllArrived(await result(), client);
  });
});
