import { ratioAtLeast, ratioAtMost } from '../goals.js';
import type { Scenario } from './scenario.js';

const OPENING_MS = 400;
const AT_ONCE = 1000;

export const openSequence: Scenario = {
  name: 'open-sequence',
  title: 'open, echo, close, one after the other',
  metrics: [{ key: 'rate', label: 'rate', unit: '/s', better: 'higher', goal: ratioAtLeast(4) }],
  warmUp: async (deployment) => (await deployment.run('openOneByOne', { ms: OPENING_MS })).count,
  async run(deployment) {
    const { count, ms } = await deployment.run('openOneByOne', { ms: OPENING_MS });
    return { rate: count / (ms / 1000) };
  },
};

export const openAtOnce: Scenario = {
  name: 'open-at-once',
  title: `${AT_ONCE.toLocaleString('en')} opened at once, until all are answered`,
  sockets: 2 * AT_ONCE,
  metrics: [{ key: 'ms', label: 'time', unit: 'ms', better: 'lower', goal: ratioAtMost(0.18) }],
  warmUp: async (deployment) => (await deployment.run('openAtOnce', { count: AT_ONCE })).count,
  async run(deployment) {
    return { ms: (await deployment.run('openAtOnce', { count: AT_ONCE })).ms };
  },
};
