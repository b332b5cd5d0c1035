import { describe, expect, test } from 'vitest';
import { describeUnknownVariables } from '../../cli/variables.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { buildCli, runCli } from './cli-process.js';

checkLeaksAfterEach();
buildCli();

const KNOWN = ['TRUNKLINE_PORT', 'TRUNKLINE_AUTH_SECRET', 'TRUNKLINE_AUTH_SECRET_FILE', 'TRUNKLINE_TOKEN'];
const describeAll = (...names: string[]) => describeUnknownVariables(names, KNOWN);

describe('a variable that looks like a flag and is none', () => {
  test.each([
    ['TRUNKLINE_AUTH_SECERT', 'TRUNKLINE_AUTH_SECRET'],
    ['TRUNKLINE_AUTHSECRET_FILE', 'TRUNKLINE_AUTH_SECRET_FILE'],
    ['TRUNKLINE_SECRET', 'TRUNKLINE_AUTH_SECRET'],
    ['TRUNKLINE_TOKENS', 'TRUNKLINE_TOKEN'],
    ['TRUNKLINE_', 'TRUNKLINE_PORT'],
  ])('%s is told, with %s', (name, nearest) => {
    expect(describeAll(name)).toEqual([`$${name} is unknown and says nothing; the nearest known one is $${nearest}`]);
  });

  test('has a line of its own, which its name cannot break', () => {
    expect(describeAll('TRUNKLINE_A\nB', 'TRUNKLINE_C').map((line) => line.slice(0, 15))).toEqual([
      '$TRUNKLINE_A B ',
      '$TRUNKLINE_C is',
    ]);
  });

  test('is no known one, none of Kubernetes, and none of anybody else', () => {
    expect(describeAll(...KNOWN)).toEqual([]);
    expect(describeAll('TRUNKLINE_SERVICE_HOST', 'TRUNKLINE_SERVICE_PORT', 'TRUNKLINE_SERVICE_PORT_HTTP')).toEqual([]);
    expect(describeAll('TRUNKLINE_PORT_80_TCP', 'TRUNKLINE_PORT_80_TCP_ADDR', 'TRUNKLINE_PORT_80_UDP_PROTO')).toEqual(
      [],
    );
    expect(describeAll('PATH', 'MY_TRUNKLINE_PORT', 'TRUNKLINES')).toEqual([]);
  });
});

describe('a command warns of it', () => {
  const env = { TRUNKLINE_TOKEN_FLIE: 'a secret', TRUNKLINE_RELAY: 'ws://127.0.0.1:1' };
  const WARNING =
    'trunkline: $TRUNKLINE_TOKEN_FLIE is unknown and says nothing; the nearest known one is $TRUNKLINE_TOKEN_FILE\n';

  test('and goes on, unless it is told to be quiet', async () => {
    const { code, stderr } = await runCli(['connect', 'x'], '', { env });
    expect(code).toBe(1);
    expect(stderr.startsWith(WARNING)).toBe(true);
    expect(stderr.slice(WARNING.length)).toMatch(/^trunkline: [^$\n]+\n$/);
    expect((await runCli(['connect', 'x', '--quiet'], '', { env })).stderr).toBe(stderr.slice(WARNING.length));
  });

  test('before it says that it makes no sense, and not for help', async () => {
    expect(await runCli(['connect'], '', { env })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^trunkline: \$TRUNKLINE_TOKEN_FLIE [^\n]+\ntrunkline: NAME is missing[^\n]+\n$/),
    });
    expect(await runCli(['connect', '--help'], '', { env })).toMatchObject({ code: 0, stderr: '' });
  });
});
