/** The tables of the documents say what the sources say, and leave nothing out. */
import { describe, expect, test } from 'vitest';
import type { Command } from '../../cli/command.js';
import type { Flags } from '../../cli/flags.js';
import { COMMANDS } from '../../cli/main.js';
import { TUNNEL_FLAGS } from '../../cli/tunnel.js';
import { Counters, toStats } from '../../relay/counters.js';
import * as relayEntry from '../../relay/index.js';
import { resolveOptions } from '../../relay/options.js';
import * as entry from '../../src/index.js';
import { isLimitInRange, LIMIT_NAMES } from '../../src/protocol/limits.js';
import * as nodeEntry from '../../src/sdk-node/index.js';
import { readDocument } from './documents.js';
import { codeOf, tableOf } from './markdown.js';

const readme = readDocument('README.md');
const relayPage = readDocument('docs/relay.md');
const number = (cell: string | undefined): number => Number((cell ?? '').replaceAll(',', ''));

describe('error codes', () => {
  const rows = tableOf(readDocument('docs/errors.md'), 'code');

  test('all are listed, with what may be tried again', () => {
    const listed = rows.map(([code, retryable]) => [codeOf(code), retryable === 'yes']);
    expect(Object.fromEntries(listed)).toEqual(
      Object.fromEntries(Object.entries(entry.CODES).map(([code, { retryable }]) => [code, retryable])),
    );
    expect(rows.every(([, , when, remedy]) => when && remedy)).toBe(true);
  });

  test('the README names only real ones', () => {
    const named = tableOf(readme, 'code').map(([code]) => codeOf(code));
    expect(named.filter((code) => !(code in entry.CODES))).toEqual([]);
  });
});

describe('limits', () => {
  const rows = tableOf(relayPage, 'limit');

  test('all are listed, with their defaults', () => {
    const listed = rows.map(([name, value]) => [codeOf(name), number(value)]);
    expect(Object.fromEntries(listed)).toEqual(resolveOptions().limits);
  });

  test('the first seven are those that are announced, with their ranges', () => {
    expect(rows.slice(0, 7).map(([name]) => codeOf(name))).toEqual(LIMIT_NAMES);
    for (const [name, , low, high] of rows.slice(0, 7)) {
      const limit = codeOf(name) as (typeof LIMIT_NAMES)[number];
      const within = [number(low) - 1, number(low), number(high), number(high) + 1].map((value) =>
        isLimitInRange(limit, value),
      );
      expect(within, limit).toEqual([false, true, true, false]);
    }
  });

  test('the others start at 1 and have no end', () => {
    for (const [name, , low, high] of rows.slice(7)) {
      const limit = codeOf(name);
      expect([low, high], limit).toEqual(['1', 'none']);
      expect(() => resolveOptions({ limits: { [limit]: 0 } }), limit).toThrow(RangeError);
      expect(resolveOptions({ limits: { [limit]: 1 } }).limits, limit).toMatchObject({ [limit]: 1 });
    }
  });
});

test('the other options of a relay are listed, with their defaults', () => {
  const { heartbeat, handshakeTimeoutMs, resumeWindowMs } = resolveOptions();
  const listed = tableOf(relayPage, 'option').map(([name, value]) => [codeOf(name), value]);
  const ms = (value: number) => `${value.toLocaleString('en')} ms`;
  expect(listed).toEqual([
    ['limits', 'see [Limits](#limits)'],
    ['rates', 'see [Rates](#rates)'],
    ['heartbeat.intervalMs', ms(heartbeat.intervalMs)],
    ['heartbeat.timeoutMs', ms(heartbeat.timeoutMs)],
    ['handshakeTimeoutMs', ms(handshakeTimeoutMs)],
    ['resumeWindowMs', ms(resumeWindowMs)],
    ['authenticate', 'everybody, everything'],
    ['origins', "the page's own host"],
    ['trustedProxies', 'none'],
    ['logger', 'none'],
    ['metrics', '`false`'],
    ['ws', '`{}`'],
  ]);
  const known = new Set(listed.map(([name]) => name?.split('.')[0]));
  expect(Object.keys(resolveOptions()).filter((name) => !known.has(name))).toEqual([]);
});

test('every counter has its line in the glossary', () => {
  const counters = Object.entries(toStats(new Counters())).flatMap(([group, fields]) =>
    Object.keys(fields).map((field) => `${group}.${field}`),
  );
  expect(tableOf(relayPage, 'counter').map(([name]) => codeOf(name))).toEqual(counters);
});

describe('the command line', () => {
  const page = readDocument('docs/command-line.md');
  const listed = (head: string) => tableOf(page, head).map(([flag, value]) => [flag, value]);
  const rowsOf = (flags: Flags) =>
    Object.entries(flags).map(([name, flag]) => {
      const long = `\`--${name}${flag.value ? ` ${flag.value}` : ''}\``;
      const sources = [flag.env && `$${flag.env}`, flag.default].filter((source) => source);
      const none = flag.value ? 'none' : 'off';
      return [
        flag.short ? `${long}, \`-${flag.short}\`` : long,
        sources.map((source) => `\`${source}\``).join(', or ') || none,
      ];
    });
  const isCommon = ([name, flag]: [string, Flags[string]]) => TUNNEL_FLAGS[name] === flag;

  test.each(Object.entries<Command>(COMMANDS))(
    'every word and flag of %s is listed, with its default',
    (name, command) => {
      const words = ['trunkline', name, ...command.positionals.map((positional) => positional.name)];
      const own = Object.entries(command.flags).filter((entry) => !isCommon(entry));
      expect(listed(`\`${words.join(' ')}\``)).toEqual(rowsOf(Object.fromEntries(own)));
      const common = Object.entries(command.flags).filter(isCommon);
      expect(common).toHaveLength(['relay', 'token'].includes(name) ? 0 : Object.keys(TUNNEL_FLAGS).length);
    },
  );

  test('and what they have in common', () => {
    expect(listed('for all but relay and token')).toEqual(rowsOf(TUNNEL_FLAGS));
  });

  test('every command is in the README', () => {
    const named = readme.inlineCode.map(({ text }) => text).concat(readme.blocks.map(({ text }) => text));
    for (const name of Object.keys(COMMANDS)) {
      expect(
        named.some((text) => text.includes(`trunkline ${name}`)),
        name,
      ).toBe(true);
    }
  });
});

test('every export is in the README, and nothing else is called one', () => {
  const named = new Set(tableOf(readme, 'export').flatMap(([cell]) => cell?.match(/(?<=`)\w+/g) ?? []));
  const described = [...readme.anchors].join(' ');
  const isDescribed = (name: string) => named.has(name) || described.includes(name.toLowerCase());
  const exported = [entry, nodeEntry, relayEntry].flatMap((module) => Object.keys(module));
  expect(exported.filter((name) => !isDescribed(name))).toEqual([]);
  expect([...named].filter((name) => name !== 'trunkline' && !exported.includes(name))).toEqual([]);
});
