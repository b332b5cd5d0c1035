/** A checker that cannot fail proves nothing: here it meets what it is there to find. */
import { afterEach, describe, expect, test } from 'vitest';
import { typeProblems } from './check-types.js';
import { brokenLinks } from './links.js';
import { parseMarkdown, tableOf } from './markdown.js';
import { stopAllPrograms } from './program.js';
import { runBlocks } from './run-blocks.js';
import { shellProblems } from './shell.js';

/** Of the one test that has to wait it out. Long enough to start a process on a busy machine. */
const IMPATIENT_MS = 5_000;

afterEach(async () => {
  expect(await stopAllPrograms(), 'processes left running').toBe(0);
});

const blocksOf = (...parts: string[]) => parseMarkdown('README.md', parts.join('\n')).blocks;
const js = (...lines: string[]) => ['```js', ...lines, '```'].join('\n');
const html = (...lines: string[]) => ['```html', '<script>', ...lines, '</script>', '```'].join('\n');
const TUNNEL = `import { connectTunnel, StreamClient } from 'trunkline'; const tunnel = connectTunnel('ws://localhost:8080/trunkline');`;

describe('runs go red for', () => {
  test.each([
    ['a line that is not printed', js(`console.log('one'); //=> two`), /ended without a line like/],
    ['lines in another order', js(`setTimeout(() => console.log('b')); //=> b`, `console.log('a'); //=> a`), /order/],
    ['an import that does not exist', js(`import { nonsense } from 'trunkline'; console.log('a'); //=> a`), /nonsense/],
    [
      'a program that throws',
      js(TUNNEL, `console.log('a'); //=> a`, `throw new Error('oops'); // tunnel.close()`),
      /oops/,
    ],
    [
      'an error that nobody listens to',
      js(TUNNEL, `console.log('a'); //=> a`, `StreamClient(tunnel).connect('x').on('close', () => tunnel.close());`),
      /complains: .*NO_LISTENER/,
    ],
    ['a block that shows nothing', js(`import 'trunkline';`), /shows nothing/],
    [
      'a page whose script is elsewhere',
      '```html\n<script src="http://localhost:8080/other.js"></script>\n<script>console.log(1); //=> 1\n</script>\n```',
      /no script at/,
    ],
    ['a page that uses what is not there', html(`trunkline.nonsense(); //=> 1`), /trunkline is not defined/],
  ])('%s', { timeout: 60_000 }, async (_what, text, problem) => {
    const problems = await runBlocks(blocksOf(text));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
  });
});

test('runs go red for a program that does not end', { timeout: 60_000 }, async () => {
  const text = js(TUNNEL, `console.log('a'); //=> a`, `export const later = () => tunnel.close();`);
  expect(await runBlocks(blocksOf(text), IMPATIENT_MS)).toEqual([expect.stringMatching(/ended with SIGKILL/)]);
});

test('types go red, each at its line', { timeout: 60_000 }, () => {
  const blocks = blocksOf(
    js(`import { connectTunnel } from 'trunkline';`, `connectTunnel('/', { tokn: 'a' });`),
    js(`import { StreamClient } from 'trunkline';`, `StreamClient('not a tunnel');`),
    html(`trunkline.connectTunel('/');`),
    js(`import { createRelay } from 'trunkline/relay';`, `createRelay({ limits: { maxNames: '4' } });`),
    js('const fine: number = 1;', 'const broken = ;'),
  );
  expect(typeProblems(blocks)).toEqual([
    expect.stringMatching(/^README\.md:3: .*'tokn'/),
    expect.stringMatching(/^README\.md:7: .*'string'/),
    expect.stringMatching(/^README\.md:9 \(html\): .*'connectTunel'/),
    expect.stringMatching(/^README\.md:16: .*'string'/),
    expect.stringMatching(/^README\.md:20: Expression expected/),
  ]);
});

describe('commands go red for', () => {
  test.each([
    ['a script that does not exist', 'npm run nonsense'],
    ['an npm command that is not checked', 'npm publish'],
    ['a flag that does not exist', 'npx trunkline relay --prot 8080'],
    ['a value that does not fit', 'npx trunkline relay --port http'],
    ['a command that does not exist', 'npx trunkline send file'],
    ['a file that does not exist', 'node examples/nonsense.js'],
    ['a tool that is not installed', 'npx nonsense --fix'],
    ['a test that does not exist', 'npx vitest run test/nonsense/x.test.ts'],
    ['the second of two', 'npm ci && npm run nonsense'],
    ['anything else', 'curl localhost'],
  ])('%s', (_what, command) => {
    expect(shellProblems(command)).toHaveLength(1);
  });
});

describe('links go red for', () => {
  test.each([
    ['a file that does not exist', '[a](docs/nonsense.md)'],
    ['a heading that does not exist', '[a](#nonsense)'],
    ["another document's heading that does not exist", '[a](docs/relay.md#nonsense)'],
    ['a picture that does not exist', '![a](docs/nonsense.svg)'],
    ['a link without encryption', '[a](http://localhost)'],
  ])('%s', (_what, text) => {
    expect(brokenLinks(parseMarkdown('README.md', text))).toHaveLength(1);
  });

  test('and not for good ones', () => {
    const text =
      '## A heading: `code`, (more)\n[a](#a-heading-code-more) [b](docs/relay.md#limits) [c](https://semver.org)';
    expect(brokenLinks(parseMarkdown('README.md', text))).toEqual([]);
  });
});

test('a document that is not what it seems is an error', () => {
  expect(() => parseMarkdown('x.md', '```js\nlet a;')).toThrow('x.md:1: a code block without an end');
  expect(() => tableOf(parseMarkdown('x.md', '| a |\n|---|\n| b |'), 'b')).toThrow('no table');
});
