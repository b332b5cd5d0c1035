import { register } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { METRICS } from '../../relay/metrics.js';
import { StreamClient } from '../../src/index.js';
import { readDocument } from '../docs/documents.js';
import { codeOf, tableOf } from '../docs/markdown.js';
import { relayInternals } from '../support/internals.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { until } from '../support/until.js';

checkLeaksAfterEach();

/** Values by name and labels, as they stand in the text. */
function valuesOf(text: string): Record<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => [line.replace(/ \S+$/, ''), Number(line.split(' ').at(-1))]));
}

describe('relay.metrics()', () => {
  test('says what was counted, and what is there now', async () => {
    const fixture = await startRelay();
    const { relay } = fixture;
    const listening = fixture.dial();
    const { client, server } = await fixture.pair('STREAM', { server: listening });
    await fixture.listen('NAME', () => {}, {}, listening);
    await expect(StreamClient(fixture.dial()).connect('NOBODY').opened).rejects.toMatchObject({ code: 'NO_LISTENER' });
    client.end('12345');
    await until(() => relay.stats().bytes.passed === 5, 'the bytes');
    const { bytes } = relay.stats();
    expect(valuesOf(await relay.metrics())).toMatchObject({
      trunkline_tunnels: 3,
      trunkline_tunnels_opened_total: 3,
      'trunkline_names{state="held"}': 1,
      'trunkline_names{state="reserved"}': 0,
      trunkline_names_created_total: 2,
      trunkline_names_destroyed_total: 1,
      trunkline_connects_requested_total: 1,
      'trunkline_connects_settled_total{outcome="matched"}': 1,
      'trunkline_connects_settled_total{outcome="expired"}': 0,
      trunkline_connects_pending: 0,
      trunkline_streams: 1,
      trunkline_streams_opened_total: 1,
      'trunkline_streams_closed_total{outcome="finished"}': 0,
      'trunkline_refusals_total{code="NO_LISTENER"}': 1,
      trunkline_passed_bytes_total: 5,
      trunkline_received_bytes_total: bytes.received,
      trunkline_sent_bytes_total: bytes.sent,
      trunkline_credit_stalls_total: 0,
      trunkline_draining: 0,
    });
    server.end();
    server.resume();
    client.resume();
    await until(() => relay.stats().splices.active === 0, 'the end of the stream');
    const before = relay.stats().bytes;
    listening.close();
    await listening.closed;
    await until(() => relayInternals(relay).transports.size === 2, 'the end of the tunnel');
    expect(relay.stats().bytes.received).toBeGreaterThanOrEqual(before.received);
    expect(relay.stats().bytes.sent).toBeGreaterThanOrEqual(before.sent);
    expect(valuesOf(await relay.metrics())).toMatchObject({
      trunkline_tunnels: 2,
      'trunkline_tunnels_closed_total{code="TUNNEL_CLOSED"}': 1,
      trunkline_names_destroyed_total: 2,
      trunkline_streams: 0,
      'trunkline_streams_closed_total{outcome="finished"}': 1,
      'trunkline_streams_closed_total{outcome="detached"}': 0,
      'trunkline_refusals_total{code="NO_LISTENER"}': 1,
      trunkline_passed_bytes_total: 5,
    });
  });

  test('says how much is held, also before a stream has its listener, and none of it afterwards', async () => {
    const fixture = await startRelay();
    const { relay } = fixture;
    const held = async () => valuesOf(await relay.metrics()).trunkline_held_bytes ?? Number.NaN;
    const stream = StreamClient(fixture.dial()).connect('LATER', { waitMs: 60_000 });
    stream.on('error', () => {});
    stream.write(Buffer.alloc(5000));
    await until(() => relay.stats().connects.pending === 1 && relay.stats().bytes.received > 5000, 'the early bytes');
    expect(await held()).toBeGreaterThanOrEqual(5000);
    stream.destroy();
    await until(() => relay.stats().connects.pending === 0, 'the end of it');
    await expect.poll(held, { timeout: 8000 }).toBe(0);
  });

  test('is of one relay alone, in a registry of its own', async () => {
    const [one, other] = [await startRelay(), await startRelay()];
    await one.dial().opened;
    expect(valuesOf(await one.relay.metrics()).trunkline_tunnels).toBe(1);
    expect(valuesOf(await other.relay.metrics()).trunkline_tunnels).toBe(0);
    expect(register.getMetricsAsArray()).toEqual([]);
  });

  test('tells of the process', async () => {
    const { relay } = await startRelay();
    await relay.metrics();
    const values = valuesOf(await relay.metrics());
    const { rss } = process.memoryUsage();
    expect(values.process_resident_memory_bytes).toBeGreaterThan(rss / 4);
    expect(values.process_resident_memory_bytes).toBeLessThan(rss * 4);
    expect(values.nodejs_heap_size_used_bytes).toBeGreaterThan(1_000_000);
    for (const quantile of ['0.5', '0.99', '1'])
      expect(values[`trunkline_event_loop_delay_seconds{quantile="${quantile}"}`]).toBeGreaterThanOrEqual(0);
  });

  test('answers while the relay drains, and after it', async () => {
    const { relay } = await startRelay();
    await relay.drain({ graceMs: 0 });
    expect(valuesOf(await relay.metrics())).toMatchObject({ trunkline_draining: 1, trunkline_tunnels: 0 });
  });

  test('two scrapes at once get the same', async () => {
    const fixture = await startRelay();
    await fixture.dial().opened;
    const texts = await Promise.all([fixture.relay.metrics(), fixture.relay.metrics()]);
    for (const text of texts) expect(valuesOf(text).trunkline_tunnels_opened_total).toBe(1);
  });
});

describe('names of metrics', () => {
  const ofProcess = /^(process|nodejs)_/;

  test('follow the conventions: counters end in _total, and units are base units', async () => {
    for (const [name, { type }] of Object.entries(METRICS)) {
      if (!ofProcess.test(name)) expect(name).toMatch(/^trunkline_[a-z_]+$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      expect(name, name).not.toMatch(/_(ms|milliseconds|kb|mb|count)(_|$)/);
    }
  });

  test('are all in the glossary, with their types and labels', async () => {
    const { relay } = await startRelay();
    const text = await relay.metrics();
    const listed = tableOf(readDocument('docs/operating.md'), 'metric');
    expect(listed.map(([name]) => codeOf(name))).toEqual(
      Object.entries(METRICS).map(([name, { label }]) => (label === undefined ? name : `${name}{${label}}`)),
    );
    expect(listed.map(([, type]) => type)).toEqual(Object.values(METRICS).map(({ type }) => type));
    expect(listed.every(([, , meaning]) => meaning)).toBe(true);
    for (const [name, { type, help }] of Object.entries(METRICS)) {
      expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
    }
  });
});
