import { valueAtMost } from '../goals.js';
import { weigh } from '../weighing.js';
import { KIB, MIB, type Scenario } from './scenario.js';

const IDLE_STREAMS = 10_000;
const IDLE_TUNNELS = 2000;
/** Two at the relay of raw ws, for each. */
const SOCKETS = 2 * IDLE_TUNNELS;
/** Held before the first reading: tables grow by doubling, and the first items make code that all of them share. */
const WARM_UP_ITEMS = 50;

const WRITE_BYTES = 64 * KIB;
const UNREAD = { writeBytes: WRITE_BYTES, quietMs: 1500, limitBytes: 512 * MIB };
const NEIGHBOUR_PING_MS = 400;
const WARM_UP_PING_MS = 1000;
/** What a stream is granted before its reader has read anything, and what a Duplex at each end buffers by itself. */
const GRANTED_KIB = 256;
const DUPLEX_KIB = 64;

/** Raw ws has no tunnels: an idle stream is a pair of sockets at the relay, and fewer of them tell as much. */
export const idleStreams: Scenario = {
  name: 'idle-streams',
  title: `${IDLE_STREAMS.toLocaleString('en')} idle streams on one tunnel (raw ws: ${IDLE_TUNNELS.toLocaleString('en')})`,
  isolated: true,
  sockets: SOCKETS,
  metrics: [
    { key: 'rss', label: 'relay RSS per stream', unit: 'KiB', better: 'lower', goal: valueAtMost(4) },
    { key: 'heap', label: 'of it JavaScript', unit: 'KiB', better: 'lower' },
  ],
  warmUp: async (deployment) => (await deployment.run('holdStreams', { count: WARM_UP_ITEMS })).ms,
  async run(deployment) {
    const count = deployment.carrier === 'trunkline' ? IDLE_STREAMS : IDLE_TUNNELS;
    return await weigh(deployment, count, () => deployment.run('holdStreams', { count }));
  },
};

export const idleTunnels: Scenario = {
  name: 'idle-tunnels',
  title: `${IDLE_TUNNELS.toLocaleString('en')} idle tunnels, one stream on each`,
  isolated: true,
  sockets: SOCKETS,
  metrics: [
    { key: 'rss', label: 'relay RSS per tunnel', unit: 'KiB', better: 'lower', goal: valueAtMost(25) },
    { key: 'heap', label: 'of it JavaScript', unit: 'KiB', better: 'lower' },
  ],
  warmUp: async (deployment) => (await deployment.run('holdTunnels', { count: WARM_UP_ITEMS })).ms,
  async run(deployment) {
    const count = IDLE_TUNNELS;
    return await weigh(deployment, count, () => deployment.run('holdTunnels', { count }));
  },
};

export const neverReads: Scenario = {
  name: 'never-reads',
  title: 'a peer that never reads, 64 KiB writes',
  isolated: true,
  metrics: [
    {
      key: 'accepted',
      label: 'accepted',
      unit: 'KiB',
      better: 'lower',
      goal: valueAtMost(GRANTED_KIB + 2 * DUPLEX_KIB),
    },
    { key: 'rss', label: 'relay RSS, at most', unit: 'MiB', better: 'lower', compared: false, goal: valueAtMost(1) },
    {
      key: 'heap',
      label: 'relay JavaScript, then',
      unit: 'MiB',
      better: 'lower',
      compared: false,
      goal: valueAtMost(1),
    },
    { key: 'neighbour', label: 'ping of a neighbour, p50', unit: 'ms', better: 'lower' },
    {
      key: 'toBefore',
      label: 'the same / before',
      unit: 'x',
      better: 'lower',
      compared: false,
      goal: valueAtMost(1.1),
    },
  ],
  async warmUp(deployment) {
    await deployment.run('pingPong', { ms: WARM_UP_PING_MS });
    return (await deployment.run('bulk', { streams: 1, writeBytes: WRITE_BYTES, totalBytes: 4 * MIB, hashed: true }))
      .ms;
  },
  async run(deployment) {
    const pingBefore = await deployment.run('pingPong', { ms: NEIGHBOUR_PING_MS });
    const before = await deployment.usage('relay', true);
    const { result, peakBytes } = await deployment.peakRssBytes('relay', () => deployment.run('fillUnread', UNREAD));
    const after = await deployment.usage('relay', true);
    const neighbour = await deployment.run('pingPong', { ms: NEIGHBOUR_PING_MS });
    return {
      accepted: result.acceptedBytes / KIB,
      rss: (peakBytes - before.rssBytes) / MIB,
      heap: (after.heapBytes - before.heapBytes) / MIB,
      neighbour: neighbour.p50,
      toBefore: neighbour.p50 / pingBefore.p50,
    };
  },
};
