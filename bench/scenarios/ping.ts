import { ratioAtMost, valueAtLeast, valueAtMost } from '../goals.js';
import { MIB, type Scenario } from './scenario.js';

const PING_MS = 400;
const BESIDE_BULK = { idleMs: 300, bulkAloneMs: 400, besideMs: 600 };

export const pingIdle: Scenario = {
  name: 'ping-idle',
  title: '64-byte ping-pong, idle',
  metrics: [
    { key: 'p50', label: 'p50', unit: 'ms', better: 'lower', goal: ratioAtMost(1.1) },
    { key: 'p99', label: 'p99', unit: 'ms', better: 'lower' },
  ],
  warmUp: async (deployment) => (await deployment.run('pingPong', { ms: PING_MS })).count,
  async run(deployment) {
    const { p50, p99 } = await deployment.run('pingPong', { ms: PING_MS });
    return { p50, p99 };
  },
};

/** What counts is what each of the two loses by the other: so both are measured alone as well, just before. */
export const pingBesideBulk: Scenario = {
  name: 'ping-beside-bulk',
  title: '64-byte ping-pong beside a bulk stream',
  metrics: [
    { key: 'p50', label: 'p50', unit: 'ms', better: 'lower' },
    { key: 'p99', label: 'p99', unit: 'ms', better: 'lower' },
    {
      key: 'toIdle',
      label: 'p50 / its own when idle',
      unit: 'x',
      better: 'lower',
      compared: false,
      goal: valueAtMost(1.3),
    },
    { key: 'bulk', label: 'bulk meanwhile', unit: 'MiB/s', better: 'higher' },
    {
      key: 'toAlone',
      label: 'bulk / its own when alone',
      unit: 'x',
      better: 'higher',
      compared: false,
      goal: valueAtLeast(0.85),
    },
  ],
  warmUp: async (deployment) => (await deployment.run('pingPongBesideBulk', BESIDE_BULK)).beside.count,
  async run(deployment) {
    const { idle, beside, bulkAloneRate, bulkBesideRate } = await deployment.run('pingPongBesideBulk', BESIDE_BULK);
    return {
      p50: beside.p50,
      p99: beside.p99,
      toIdle: beside.p50 / idle.p50,
      bulk: (bulkBesideRate * 1000) / MIB,
      toAlone: bulkBesideRate / bulkAloneRate,
    };
  },
};
