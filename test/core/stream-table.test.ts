import { describe, expect, test } from 'vitest';
import { type Role, StreamTable } from '../../src/core/stream-table.js';
import { FakeAttachment } from './fake-attachment.js';

const PROTOCOL = expect.objectContaining({ code: 'PROTOCOL' });
const anyone = () => new FakeAttachment(0);

describe.each<[Role, number, number]>([
  ['dialer', 1, 2],
  ['acceptor', 2, 1],
])('%s', (role, firstLocal, firstRemote) => {
  test('gives rising ids of its own parity', () => {
    const table = new StreamTable(role);
    expect([anyone(), anyone(), anyone()].map((one) => table.addLocal(one))).toEqual([
      firstLocal,
      firstLocal + 2,
      firstLocal + 4,
    ]);
  });

  test('takes rising ids of the other parity only, with gaps', () => {
    const table = new StreamTable(role);
    expect(() => table.admitRemote(firstLocal)).toThrow(PROTOCOL);
    table.admitRemote(firstRemote + 4);
    expect(() => table.admitRemote(firstRemote + 4)).toThrow(PROTOCOL);
    expect(() => table.admitRemote(firstRemote + 2)).toThrow(PROTOCOL);
    expect(() => table.admitRemote(firstRemote + 6)).not.toThrow();
  });

  test('tells a closed stream from one that never was', () => {
    const table = new StreamTable(role);
    const [local, remote] = [anyone(), anyone()];
    const id = table.addLocal(local);
    table.admitRemote(firstRemote + 2);
    table.addRemote(firstRemote + 2, remote);
    expect(table.find(id)).toBe(local);
    expect(table.find(firstRemote + 2)).toBe(remote);
    table.remove(id);
    table.remove(firstRemote + 2);
    expect(table.find(id)).toBeUndefined();
    expect(table.find(firstRemote + 2)).toBeUndefined();
    // Below the last one: skipped, so it counts as closed.
    expect(table.find(firstRemote)).toBeUndefined();
    expect(() => table.find(id + 2)).toThrow(PROTOCOL);
    expect(() => table.find(firstRemote + 4)).toThrow(PROTOCOL);
  });

  test('never gives an id twice, and says when they have run out', () => {
    const last = role === 'dialer' ? 0xffff_ffff : 0xffff_fffe;
    const table = new StreamTable(role, last - 2);
    const first = table.addLocal(anyone());
    table.remove(first);
    expect(table.addLocal(anyone())).toBe(last);
    table.remove(last);
    expect(() => table.addLocal(anyone())).toThrow(expect.objectContaining({ code: 'LIMIT_STREAMS' }));
    expect(table.size).toBe(0);
  });

  test('counts both sides apart', () => {
    const table = new StreamTable(role);
    const id = table.addLocal(anyone());
    table.admitRemote(firstRemote);
    table.addRemote(firstRemote, anyone());
    expect([table.size, table.localSize, table.remoteSize]).toEqual([2, 1, 1]);
    table.remove(firstRemote);
    table.remove(firstRemote);
    expect([table.size, table.localSize, table.remoteSize]).toEqual([1, 1, 0]);
    table.remove(id);
    expect([table.size, table.localSize, table.remoteSize]).toEqual([0, 0, 0]);
  });
});

test('clear returns everyone and leaves nobody', () => {
  const table = new StreamTable('dialer');
  const everyone = [anyone(), anyone()];
  for (const one of everyone) table.addLocal(one);
  expect(table.clear()).toEqual(everyone);
  expect([table.size, table.localSize, table.remoteSize]).toEqual([0, 0, 0]);
});
