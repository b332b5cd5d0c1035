// Streams of every kind over connections that are cut every few seconds, for as long as is wanted: is every byte right,
// does memory stay flat, do event loops stay free, is nothing left at the end? Run by hand:
//   npx tsx test/soak/mixed-load.ts                      30 minutes
//   npx tsx test/soak/mixed-load.ts --minutes 3 --sample-s 5 --warm-up-s 60 --json mixed-load.json
// A bad byte, an unexpected error and anything left make the exit code 1; growth is reported, and not judged.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { lineOf, printSummary, summarize } from './mixed-load-report.js';
import { MixedLoadRun } from './mixed-load-run.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    /** Client tunnels, and as many of listeners. */
    tunnels: { type: 'string', default: '4' },
    'cut-every-s': { type: 'string', default: '3' },
    'bulk-mb-per-s': { type: 'string', default: '16' },
    'short-per-s': { type: 'string', default: '25' },
    'sample-s': { type: 'string', default: '30' },
    /** Not part of any slope. Longer than the resume window, as there is more and more to remember until then. */
    'warm-up-s': { type: 'string' },
    /** Outages last for up to 3 s, and are found out and got over by several dials: not under 15. */
    'resume-window-s': { type: 'string', default: '30' },
    json: { type: 'string' },
  },
});

function numberOf(name: Exclude<keyof typeof values, 'json'>, text = values[name]): number {
  const value = Number(text);
  if (!(value > 0)) throw new RangeError(`--${name} must be a number above 0, not ${text}`);
  return value;
}

const minutes = numberOf('minutes');
const resumeWindowMs = numberOf('resume-window-s') * 1000;
const warmUpMinutes = values['warm-up-s'] === undefined ? Math.min(minutes / 3, 5) : numberOf('warm-up-s') / 60;
const options = {
  minutes,
  tunnels: numberOf('tunnels'),
  cutEveryMs: numberOf('cut-every-s') * 1000,
  sampleEveryMs: numberOf('sample-s') * 1000,
  resumeWindowMs,
  load: {
    seed: numberOf('seed'),
    bulkBytesPerSecond: numberOf('bulk-mb-per-s') * 1e6,
    shortPerSecond: numberOf('short-per-s'),
  },
};
console.log(`${minutes} minutes, warm-up ${warmUpMinutes.toFixed(1)}, ${JSON.stringify(options)}`);

const run = await MixedLoadRun.start(options);
let loadSamples = 0;
try {
  await run.load((sample) => {
    loadSamples++;
    console.log(lineOf(sample));
  });
  await run.finish();
} catch (error) {
  run.problems.push(String((error as Error).stack ?? error));
  await run.kill();
}

const underLoad = run.samples.slice(0, loadSamples);
const last = run.samples.at(-1);
const summary = last && underLoad.length > 0 ? summarize(underLoad, last, warmUpMinutes) : undefined;
if (summary) printSummary(summary);
console.log(run.problems.length === 0 ? 'nothing left, nothing wrong' : `problems:\n${run.problems.join('\n')}`);
if (values.json !== undefined) {
  const { problems, samples } = run;
  writeFileSync(values.json, JSON.stringify({ options, warmUpMinutes, problems, summary, samples }, undefined, 1));
}
if (run.problems.length > 0) process.exitCode = 1;
