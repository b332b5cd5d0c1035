/** What docs/coming-from.md says to call is there, and no row of it says nothing. */
import { describe, expect, test } from 'vitest';
import * as relayEntry from '../../relay/index.js';
import { Relay } from '../../relay/index.js';
import * as entry from '../../src/index.js';
import * as nodeEntry from '../../src/sdk-node/index.js';
import { readDocument } from './documents.js';
import { tableOf } from './markdown.js';

const page = readDocument('docs/coming-from.md');
const PACKAGES = ['ws-stream-tunnel', 'browser-stream-server', 'tcp-stream-muxer', 'websocket-driver', 'wsd'];

/** Node's own, and options that are functions. */
const OTHERS = ['emit', 'handleProtocols', 'pipeline'];
const CLASSES = [entry.Tunnel, entry.TunnelStream, entry.StreamListener, entry.TunnelAcceptor, Relay];

function membersOf(instance: object | null): string[] {
  return instance === null
    ? []
    : [...Object.getOwnPropertyNames(instance), ...membersOf(Object.getPrototypeOf(instance))];
}

const server = new nodeEntry.TunnelServer({ noServer: true });
const client = entry.StreamClient.prototype;
const listens = entry.StreamServer.prototype;
const known = new Set([
  ...[entry, nodeEntry, relayEntry].flatMap((each) => Object.keys(each)),
  ...[...CLASSES.map(({ prototype }) => prototype), server, client, listens].flatMap(membersOf),
  ...OTHERS,
]);

describe.each(PACKAGES)('%s', (name) => {
  const rows = tableOf(page, name);

  test('has a table with something in each row', () => {
    expect(rows.length).toBeGreaterThan(10);
    for (const row of rows) {
      expect(row.length, row.join(' ')).toBe(4);
      expect(
        row.slice(0, 2).every((cell) => cell !== ''),
        row.join(' '),
      ).toBe(true);
      expect(row[1] !== 'none' || row[2] !== '' || row[3] !== '', `${row[0]} has no reason`).toBe(true);
    }
  });

  test('names calls that exist', () => {
    const cells = rows.map(([, here = '']) => here);
    const codes = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code));
    const calls = codes.flatMap((code) => [...code.matchAll(/(\w+)\(/g)].map(([, call = '']) => call));
    expect(calls.length).toBeGreaterThan(2);
    expect(calls.filter((call) => !known.has(call))).toEqual([]);
  });
});
