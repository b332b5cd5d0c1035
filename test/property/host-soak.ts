/**
 * Many seeds of tunnels without a relay: `npx tsx test/property/host-soak.ts [seeds] [first seed]`, or one of them again:
 * `SEED=123 npx tsx test/property/host-soak.ts`.
 */
import { addUpHosts, runHostSeed } from './host-scenario.js';
import { soak } from './soak.js';

soak(runHostSeed, addUpHosts);
