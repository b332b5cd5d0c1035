import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { RelayOptions } from '../../relay/options.js';
import { connectTunnel, StreamClient, StreamServer, type Tunnel, type TunnelStream } from '../../src/index.js';
import { ForkedProcess } from '../support/forked-process.js';
import { open, RawPeer, Type } from '../support/raw-peer.js';
import { RelayProcess } from '../support/relay-process.js';
import { seededBytes } from '../support/seeded-bytes.js';
import type { FloodReport } from './flood-attack.js';
import type { FloodKind, FloodTarget } from './flood-kinds.js';
import { percentile } from './resume-times.js';

const SAMPLE_MS = 50;
const MESSAGE_BYTES = 64;
/** A relay that has served some at once keeps the heap that this took: no flood is to blame for that. */
const WARM_UP_STREAMS = 1000;
const [ECHO, VICTIM, SOURCE] = ['ECHO', 'VICTIM', 'SOURCE'];

export interface FloodTimes {
  quietMs: number;
  floodMs: number;
}

export interface FloodResult extends FloodReport {
  quietP99Ms: number;
  floodP99Ms: number;
  /** Rounds of the ping-pong during the flood: none would be a relay that serves nobody. */
  rounds: number;
  grownBytes: number;
  /** How far the honest rest got: what ended of it, by its own words. */
  honestErrors: string[];
  /** The exit code of the relay, that was closed in order once all had left; null if it had crashed. */
  exitCode: number | null;
  /** What the relay still had when all had left. */
  left: string[];
}

/** One flood against a relay process of its own, on which honest peers play ping-pong, before it and meanwhile. */
export async function runFlood(
  kind: FloodKind,
  { quietMs, floodMs }: FloodTimes,
  options: RelayOptions = {},
): Promise<FloodResult> {
  const relay = await RelayProcess.start({ handshakeTimeoutMs: kind.graceMs ?? 10_000, ...options });
  const honest = await HonestPeers.start(relay.url);
  const { process: attackers } = await ForkedProcess.fork<void>('../soak/flood-child.ts', undefined);
  try {
    await honest.open(WARM_UP_STREAMS);
    // What the first rounds cost is the compiler's.
    await honest.playFor(Math.min(quietMs, 1000));
    const quiet = await honest.playFor(quietMs);
    const memory = new MemoryPeak(relay.pid);
    await attackers.ask('flood', { name: kind.name, target: await honest.target(relay.url) });
    const flooded = await honest.playFor(floodMs);
    const report = await attackers.ask<FloodReport>('stop');
    const grownBytes = memory.stop();
    // What else this machine does is no part of the flood: it is quiet before and behind it.
    const quietAgain = await honest.playFor(quietMs);
    const honestErrors = await honest.close();
    const left = await leftOnceAllHaveLeft(relay);
    return {
      ...report,
      quietP99Ms: percentile([...quiet, ...quietAgain], 99),
      floodP99Ms: percentile(flooded, 99),
      rounds: flooded.length,
      grownBytes,
      honestErrors,
      left,
      exitCode: await relay.close(),
    };
  } finally {
    await attackers.kill();
    await relay.kill();
  }
}

/** Sockets that were cut without a word are heard of a moment later. */
async function leftOnceAllHaveLeft(relay: RelayProcess): Promise<string[]> {
  for (const giveUpAt = performance.now() + 5000; ; ) {
    const { stats } = await relay.report();
    const { active } = stats.tunnels;
    if (active === 0 || performance.now() > giveUpAt) return active === 0 ? relay.left() : [`${active} tunnels`];
  }
}

/** The highest resident memory of a process since now, above what it has now. */
class MemoryPeak {
  private readonly before: number;
  private highest = 0;
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly pid: number) {
    this.before = residentBytes(pid);
    this.timer = setInterval(() => this.sample(), SAMPLE_MS);
  }

  stop(): number {
    clearInterval(this.timer);
    this.sample();
    return this.highest - this.before;
  }

  private sample(): void {
    this.highest = Math.max(this.highest, residentBytes(this.pid));
  }
}

function residentBytes(pid: number): number {
  const [, kibibytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return Number(kibibytes) * 1024;
}

/** A ping-pong between two tunnels, the victim of floods that need one, and a source that never runs dry. */
class HonestPeers {
  private readonly errors: string[] = [];

  private constructor(
    private readonly tunnels: Tunnel[],
    private readonly stream: TunnelStream,
  ) {
    for (const tunnel of tunnels) tunnel.once('close', () => this.errors.push('a tunnel was closed'));
    stream.once('close', () => this.errors.push(`the ping-pong is over: ${stream.errored}`));
  }

  static async start(url: string): Promise<HonestPeers> {
    const tunnels = Array.from({ length: 4 }, () => connectTunnel(url));
    const [listening, connecting, victim, source] = tunnels as [Tunnel, Tunnel, Tunnel, Tunnel];
    const listeners = [
      StreamServer(listening, (stream) => stream.on('error', () => {}).pipe(stream)).listen(ECHO as string),
      StreamServer(victim, { accept: () => false }).listen(VICTIM as string),
      StreamServer(source, (stream) => pour(stream)).listen(SOURCE as string),
    ];
    for (const listener of listeners) listener.on('error', () => {});
    await Promise.all(listeners.map(({ ready }) => ready));
    const stream = StreamClient(connecting).connect(ECHO as string);
    stream.on('error', () => {});
    await stream.opened;
    return new HonestPeers(tunnels, stream);
  }

  /** So many streams at once, each for one round. */
  async open(count: number): Promise<void> {
    const client = StreamClient(this.tunnels[1] as Tunnel);
    const playAlone = async (): Promise<void> => {
      const stream = client.connect(ECHO as string);
      stream.end('once');
      stream.resume();
      await once(stream, 'close');
      if (stream.errored) throw stream.errored;
    };
    await Promise.all(Array.from({ length: count }, playAlone));
  }

  /** Anybody who may connect learns the endpoint's public id. */
  async target(url: string): Promise<FloodTarget> {
    const insider = await RawPeer.ready(url);
    insider.send(open(1, { kind: 'connect', name: ECHO }, { key: randomBytes(16).toString('hex') }));
    const { endpoint } = await insider.nextPayload(Type.ACCEPT);
    await insider.close();
    return { url, victimName: VICTIM as string, sourceName: SOURCE as string, endpoint: String(endpoint) };
  }

  /** Resolves with the time of each round, milliseconds. */
  async playFor(milliseconds: number): Promise<number[]> {
    const until = performance.now() + milliseconds;
    const times: number[] = [];
    while (performance.now() < until) times.push(await this.playOnce(times.length));
    return times;
  }

  private async playOnce(round: number): Promise<number> {
    const said = Buffer.from(seededBytes(round, 0, MESSAGE_BYTES));
    const startedAt = performance.now();
    this.stream.write(said);
    for (let heard = Buffer.alloc(0); heard.length < MESSAGE_BYTES; ) {
      const [bytes] = (await once(this.stream, 'data')) as [Buffer];
      heard = Buffer.concat([heard, bytes]);
      if (!said.subarray(0, heard.length).equals(heard)) throw new Error('an honest byte is wrong');
    }
    return performance.now() - startedAt;
  }

  /** What went wrong until now. */
  async close(): Promise<string[]> {
    const errors = [...this.errors];
    for (const tunnel of this.tunnels) tunnel.close();
    await Promise.all(this.tunnels.map((tunnel) => tunnel.closed));
    return errors;
  }
}

function pour(stream: TunnelStream): void {
  const chunk = Buffer.alloc(64 * 1024);
  const write = (): void => {
    while (!stream.destroyed && stream.write(chunk));
  };
  stream.on('drain', write).on('error', () => {});
  write();
}
