/**
 * Many seeds of streams that outlive connections: `npx tsx test/property/resume-soak.ts [seeds] [first seed]`, or one of
 * them again: `SEED=123 npx tsx test/property/resume-soak.ts`.
 */
import { runResumeSeed } from './resume-scenario.js';
import { soak } from './soak.js';

soak(runResumeSeed);
