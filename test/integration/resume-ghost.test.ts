import { describe, expect, it } from 'vitest';
import type { RelayOptions } from '../../relay/index.js';
import { StreamClient, type Tunnel } from '../../src/index.js';
import { EndpointProcess } from '../support/endpoint-process.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { kindsOf, watchOpens } from '../support/opens.js';
import { startRelay } from '../support/relay-fixture.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const NAME = 'SERVICE';
const owner = 'the secret of this service';
const CONNECTS = 30;

checkLeaksAfterEach();

/** Which of the listeners answers, by its label. @throws what the stream fails with */
async function whoAnswers(tunnel: Tunnel): Promise<string> {
  const stream = StreamClient(tunnel).connect(NAME);
  stream.end();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString().trim();
}

async function answers(tunnel: Tunnel): Promise<Set<string>> {
  const labels = new Set<string>();
  for (let index = 0; index < CONNECTS; index++) labels.add(await whoAnswers(tunnel));
  return labels;
}

async function startHaunted(options?: RelayOptions) {
  const fixture = await startRelay(options);
  const opens = watchOpens(fixture.relay);
  const proxy = await TcpProxy.start(fixture.url);
  const ghost = await EndpointProcess.start(proxy.url);
  await ghost.listen({ name: NAME, label: 'ghost', owner });
  const client = fixture.dial();
  expect(await whoAnswers(client)).toBe('ghost');
  return { fixture, opens, proxy, ghost, client };
}

type Haunted = Awaited<ReturnType<typeof startHaunted>>;

/** Connects reach it from the moment that it holds the name, and so do those that the ghost has been offered. */
async function startHeir({ fixture, client }: Haunted): Promise<EndpointProcess> {
  const early = whoAnswers(client);
  await until(() => fixture.relay.stats().connects.pending === 1, 'a connect that nobody answers');
  const heir = await EndpointProcess.start(fixture.url);
  await heir.listen({ name: NAME, label: 'heir', owner });
  expect(await early).toBe('heir');
  expect(await answers(client)).toEqual(new Set(['heir']));
  return heir;
}

/** The ghost goes on, and learns what has become of its name. */
async function wakeGhost({ ghost, client }: Haunted): Promise<void> {
  ghost.thaw();
  await until(
    () => ghost.state.listeners.at(-1) === `${NAME} close`,
    () => `the ghost to learn of its heir, not ${ghost.state.listeners}`,
  );
  expect(ghost.state.listeners).toEqual([`${NAME} listening`, `${NAME} error SUPERSEDED`, `${NAME} close`]);
  expect(await answers(client)).toEqual(new Set(['heir']));
}

async function checkPeace(
  { fixture, opens, proxy, ghost }: Haunted,
  heir: EndpointProcess,
  dials: number,
  listens: number,
) {
  expect(proxy.counters.accepted).toBe(dials);
  expect(kindsOf(opens).filter((kind) => kind === 'listen')).toHaveLength(listens);
  expect(heir.state.listeners).toEqual([`${NAME} listening`]);
  expect(fixture.relay.stats().names).toMatchObject({ created: 1, active: 1 });
  expect(await ghost.close()).toBe(0);
  expect(await heir.close()).toBe(0);
  await proxy.close();
}

describe('a service that is started anew while its old process is frozen', () => {
  it('takes its name over at once; the old one, when it goes on, learns it and leaves the name alone', async () => {
    const haunted = await startHaunted();
    await haunted.ghost.freeze();
    const heir = await startHeir(haunted);
    await wakeGhost(haunted);
    await checkPeace(haunted, heir, 1, 2);
  });

  it('and so when the relay has given the old one up, and it comes back over another connection', async () => {
    const haunted = await startHaunted({ heartbeat: { intervalMs: 300, timeoutMs: 1_000 } });
    const { relay } = haunted.fixture;
    await haunted.ghost.freeze();
    await until(() => relay.stats().names.reserved === 1, 'the relay to give the ghost up');
    const heir = await startHeir(haunted);
    await wakeGhost(haunted);
    await checkPeace(haunted, heir, 2, 3);
  });
});
