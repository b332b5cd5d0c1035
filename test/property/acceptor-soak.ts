/**
 * Many seeds of tunnels without a relay: `npx tsx test/property/acceptor-soak.ts [seeds] [first seed]`, or one of them again:
 * `SEED=123 npx tsx test/property/acceptor-soak.ts`.
 */
import { runAcceptorSeed } from './acceptor-scenario.js';
import { soak } from './soak.js';

soak(runAcceptorSeed);
