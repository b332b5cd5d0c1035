/** Secrets and tokens as they are kept in files, and what is no such thing. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { interpret } from '../../cli/main.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { buildCli, runCli } from './cli-process.js';

const SECRET = 'a secret of more than thirty-two bytes';
const BLANKS = 'has blanks or empty lines before or behind its text: take them out';

checkLeaksAfterEach();
buildCli();

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trunkline-text-file-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('a command', () => {
  test.each([
    ['is not there', () => join(folder, 'nothing'), 'cannot be read: ENOENT: no such file or directory'],
    ['is a folder', () => folder, 'cannot be read: EISDIR: illegal operation on a directory'],
    ['is empty', () => file('empty', '\n'), 'is empty'],
    [
      'is short',
      () => file('short', 'short\n'),
      'must be at least 32 bytes long: openssl rand -base64 32 makes a good one',
    ],
    ['has no end', () => '/dev/zero', 'must be at most 16384 bytes long'],
    [
      'is a key',
      () => file('key', `-----BEGIN PUBLIC KEY-----\n${'A'.repeat(64)}`),
      'is a key in PEM: give public keys to the relay, with --jwks',
    ],
    [
      'is no text',
      () => file('binary', Buffer.alloc(40, 0x80)),
      'is not valid UTF-8: it has to be a text, such as openssl rand -hex 32 prints',
    ],
    [
      'begins with a byte order mark',
      () => file('marked', `\ufeff${SECRET}\n`),
      'begins with a byte order mark: save it as UTF-8 without one',
    ],
    ['ends with an empty line', () => file('blanks', `${SECRET}\n\n`), BLANKS],
    ['ends with a blank', () => file('blanks', `${SECRET} `), BLANKS],
    ['ends with a tab', () => file('blanks', `${SECRET}\t\n`), BLANKS],
  ])('takes no secret from a file that %s, and neither does a relay', async (_what, makeFile, message) => {
    const path = makeFile();
    const args = ['--auth-secret-file', path];
    expect(await runCli(['token', '--listen', 'a', ...args])).toEqual({
      code: 1,
      stdout: '',
      stderr: `trunkline: --auth-secret-file ${JSON.stringify(path)} ${message}\n`,
    });
    const env = { TRUNKLINE_AUTH_SECRET_FILE: path };
    expect(await runCli(['relay', '--port', '0'], '', { env })).toEqual({
      code: 1,
      stdout: '',
      stderr: `trunkline: $TRUNKLINE_AUTH_SECRET_FILE ${JSON.stringify(path)} ${message}\n`,
    });
  });

  test.each([
    ['--auth-secret-file', 'a line end of Windows', () => file('windows', `${SECRET}\r\n`)],
    ['--auth-secret-file', 'no line end', () => file('bare', SECRET)],
    ['--auth-secret', 'the line end of the file that it was made from', () => `${SECRET}\n`],
  ])('takes a secret of %s with %s', async (flag, _what, value) => {
    const { code, stdout } = await runCli(['token', '--listen', 'a', flag, value()]);
    expect(code).toBe(0);
    expect((await jwtVerify(stdout.trim(), Buffer.from(SECRET))).payload).toMatchObject({ listen: ['a'] });
  });
});

test.each([
  ['is not there', () => join(folder, 'nothing'), 'cannot be read: ENOENT: no such file or directory'],
  ['is a folder', () => folder, 'cannot be read: EISDIR: illegal operation on a directory'],
  ['is empty', () => file('empty', ''), 'is empty'],
  ['is too large', () => file('large', 'x'.repeat(16_385)), 'must be at most 16000 bytes long'],
  ['is no text', () => file('binary', Buffer.alloc(40, 0x80)), 'is not valid UTF-8'],
])('a token from a file that %s is told in one line, before anything is dialed', async (_what, makeFile, message) => {
  const path = makeFile();
  const { code, stdout, stderr } = await runCli(['connect', 'x', '--relay', 'ws://127.0.0.1:1', '--token-file', path]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^[^\n]+\n$/);
  expect(stderr).toContain(`trunkline: --token-file ${JSON.stringify(path)} ${message}`);
});

test('a token that is too large makes no sense, wherever it stands', () => {
  const token = 'ä'.repeat(8_001);
  expect(() => interpret(['connect', 'x', '--token', token])).toThrow(
    '--token must be at most 16000 bytes long, not 16002; see trunkline connect --help',
  );
  expect(interpret(['connect', 'x', '--token', token.slice(1)]).kind).toBe('run');
});
