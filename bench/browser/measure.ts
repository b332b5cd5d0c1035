import { watchForeignCpu } from '../foreign-cpu.js';
import type { CarrierDeployment } from './carrier-deployment.js';
import type { Direction, Transfer } from './protocol.js';
import { type BrowserRow, type BrowserSample, type BrowserSamples, toRows } from './rows.js';
import { type CpuMs, Setting } from './setting.js';

const MIB = 1024 * 1024;
const WRITE_BYTES = 64 * 1024;
const WARM_UP_BYTES = 16 * MIB;
const WARM_UP_PASSES = 3;
const DIRECTIONS: readonly Direction[] = ['page-to-node', 'node-to-page'];
/** The second is no multiple of anything that a carrier might be tuned to. */
const PROBES = [
  { writeBytes: WRITE_BYTES, totalBytes: 8 * MIB },
  { writeBytes: 4321, totalBytes: 4321 * 500 },
];

export interface BrowserOptions {
  rounds?: number;
  /** How long a timed transfer is to last, about. */
  transferMs?: number;
}

export interface BrowserResults {
  rows: BrowserRow[];
  samples: BrowserSamples[];
  /** Cores that other programs used meanwhile. */
  foreignCores: number;
}

/** Throughput of one stream between a page and Node, Trunkline beside raw WebSockets, in a visible and in a hidden tab. */
export async function measureBrowser(options: BrowserOptions = {}): Promise<BrowserRow[]> {
  return (await measureBrowserInDetail(options)).rows;
}

export function measureBrowserInDetail({ rounds = 5, transferMs = 700 }: BrowserOptions): Promise<BrowserResults> {
  return Setting.use(async (setting) => {
    await verify(setting);
    const foreignCores = watchForeignCpu();
    const before = await setting.ownCpuMs();
    const samples = await measureRounds(setting, rounds, transferMs, 'visible');
    await setting.hide();
    samples.push(...(await measureRounds(setting, rounds, transferMs, 'hidden')));
    const foreign = foreignCores((await setting.ownCpuMs()) - before);
    return { rows: samples.flatMap(toRows), samples, foreignCores: foreign };
  });
}

/** Nothing that corrupts bytes is worth timing. */
async function verify(setting: Setting): Promise<void> {
  for (const carrier of setting.carriers) {
    for (const direction of DIRECTIONS) {
      for (const probe of PROBES) await setting.transfer(carrier, { ...probe, direction, hashed: true });
    }
  }
}

async function measureRounds(
  setting: Setting,
  rounds: number,
  transferMs: number,
  visibility: BrowserSamples['visibility'],
): Promise<BrowserSamples[]> {
  const measured: BrowserSamples[] = [];
  const sizes = new Map<string, number>();
  for (const direction of DIRECTIONS) {
    measured.push({ direction, visibility, rounds: { trunkline: [], 'raw-ws': [] } });
    for (const carrier of setting.carriers) {
      sizes.set(`${direction} ${carrier.carrier}`, await warmUp(setting, carrier, direction, transferMs));
    }
  }
  for (let round = 0; round < rounds; round++) {
    // Who goes first takes turns as well.
    const order = round % 2 === 0 ? setting.carriers : setting.carriers.toReversed();
    for (const samples of measured) {
      for (const carrier of order) {
        const totalBytes = sizes.get(`${samples.direction} ${carrier.carrier}`) as number;
        samples.rounds[carrier.carrier].push(await measureOnce(setting, carrier, samples.direction, totalBytes));
      }
    }
  }
  return measured;
}

/** Returns how many bytes take about `transferMs`. */
async function warmUp(
  setting: Setting,
  carrier: CarrierDeployment,
  direction: Direction,
  transferMs: number,
): Promise<number> {
  let totalBytes = WARM_UP_BYTES;
  for (let pass = 0; pass < WARM_UP_PASSES; pass++) {
    const { bytes, ms } = await setting.transfer(carrier, toTransfer(direction, totalBytes));
    totalBytes = Math.max(1, Math.round(((bytes / ms) * transferMs) / WRITE_BYTES)) * WRITE_BYTES;
  }
  return totalBytes;
}

async function measureOnce(
  setting: Setting,
  carrier: CarrierDeployment,
  direction: Direction,
  totalBytes: number,
): Promise<BrowserSample> {
  const before = await setting.cpuMs(carrier);
  const { bytes, ms } = await setting.transfer(carrier, toTransfer(direction, totalBytes));
  const after = await setting.cpuMs(carrier);
  const perMiB = (part: keyof CpuMs) => subtract(after[part], before[part], bytes / MIB);
  return {
    rate: bytes / MIB / (ms / 1000),
    page: perMiB('page'),
    browser: perMiB('browser'),
    relay: perMiB('relay'),
    endpoint: perMiB('endpoint'),
  };
}

function subtract(after: number | undefined, before: number | undefined, mebibytes: number): number | undefined {
  return after === undefined || before === undefined ? undefined : (after - before) / mebibytes;
}

function toTransfer(direction: Direction, totalBytes: number): Transfer {
  return { direction, totalBytes, writeBytes: WRITE_BYTES, hashed: false };
}
