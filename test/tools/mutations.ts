// Switches off one guard after the other, in a copy of the sources, and sees to it that a test notices. By hand:
//   npx tsx test/tools/mutations.ts
//   npx tsx test/tools/mutations.ts --only "offer"
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { GUARDS, type Guard } from './guards.js';

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
const guards = GUARDS.filter(({ name }) => name.includes(values.only));

/** What tests need; the rest is built or installed. */
const COPIED = [
  ...['src', 'relay', 'cli', 'browser', 'test', 'bench', 'docs', 'examples'],
  ...['package.json', 'tsconfig.json', 'tsconfig.base.json', 'esbuild.config.ts', 'esbuild.page.ts', 'README.md'],
  ...['CHANGELOG.md', 'SECURITY.md'],
];
const RUN_TIMEOUT_MS = 180_000;

type Verdict = 'noticed' | 'NOT NOTICED' | 'not run' | 'no such text';

interface Report {
  numTotalTests: number;
  numFailedTests: number;
  testResults: { message: string; assertionResults: { status: string; title: string }[] }[];
}

const copy = mkdtempSync(join(tmpdir(), 'trunkline-mutations-'));
try {
  for (const name of COPIED) cpSync(name, join(copy, name), { recursive: true });
  symlinkSync(join(process.cwd(), 'node_modules'), join(copy, 'node_modules'));
  process.exitCode = checkAll() ? 0 : 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}

/** A test that fails anyway would notice everything. */
function checkAll(): boolean {
  const files = [...new Set(guards.flatMap(({ tests }) => tests))];
  const before = runTests(files, false);
  if (before.failed.length > 0 || before.total === 0) {
    console.error(`with all guards in place ${before.failed.length} of ${before.total} tests fail:`, before.failed);
    return false;
  }
  const rows = guards.map((guard) => {
    const { verdict, by } = check(guard);
    console.log(`${verdict}: ${guard.name}`);
    return { guard: guard.name, file: guard.file, verdict, by };
  });
  console.table(rows);
  const noticed = rows.filter(({ verdict }) => verdict === 'noticed').length;
  console.log(`${noticed} of ${rows.length} guards are missed when they are gone`);
  return noticed === rows.length;
}

function check({ file, text, disabled, tests }: Guard): { verdict: Verdict; by: string } {
  const path = join(copy, file);
  const source = readFileSync(path, 'utf8');
  if (source.split(text).length !== 2) return { verdict: 'no such text', by: '' };
  writeFileSync(
    path,
    source.replace(text, () => disabled),
  );
  try {
    const { total, failed } = runTests(tests);
    // Sources that no longer load would fail all tests without running one.
    if (total === 0) return { verdict: 'not run', by: '' };
    return { verdict: failed.length > 0 ? 'noticed' : 'NOT NOTICED', by: (failed[0] ?? '').slice(0, 60) };
  } finally {
    writeFileSync(path, source);
  }
}

/** `isEnough`: one that fails. */
function runTests(files: readonly string[], isEnough = true): { total: number; failed: string[] } {
  const output = join(copy, 'results.json');
  rmSync(output, { force: true });
  const command = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/vitest.config.ts', '--project', 'unit'];
  const reporter = ['--reporter=json', `--outputFile=${output}`, ...(isEnough ? ['--bail=1'] : [])];
  const options = { cwd: copy, timeout: RUN_TIMEOUT_MS, killSignal: 'SIGKILL', stdio: 'ignore' } as const;
  spawnSync(process.execPath, [...command, ...reporter, ...files], options);
  let report: Report;
  try {
    report = JSON.parse(readFileSync(output, 'utf8')) as Report;
  } catch {
    // It hung, and was ended.
    return { total: 1, failed: ['(no end)'] };
  }
  const failed = report.testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'failed').map(({ title }) => title),
  );
  return { total: report.numTotalTests, failed };
}
