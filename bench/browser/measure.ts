import { inTurn } from '../measure.js';
import type { ScenarioSamples } from '../report.js';
import { KIB, MIB, type Sample } from '../scenarios/scenario.js';
import type { CarrierDeployment } from './carrier-deployment.js';
import type { Direction, Transfer } from './protocol.js';
import { type BrowserScenario, DIRECTIONS, VISIBILITIES } from './scenarios.js';
import { Setting } from './setting.js';

const WRITE_BYTES = 64 * KIB;
/** Aimed length of one timed transfer. */
const TRANSFER_MS = 700;
/** The first passes run cold code, and size the timed transfers; their rate is not reported. */
const WARM_UP_BYTES = 16 * MIB;
const WARM_UP_PASSES = 3;
/** The second is no multiple of anything that a carrier might be tuned to. */
const PROBES = [
  { writeBytes: WRITE_BYTES, totalBytes: 8 * MIB },
  { writeBytes: 4321, totalBytes: 4321 * 500 },
];

export interface BrowserMeasureOptions {
  rounds: number;
  /** The Chromium. */
  executable: string;
}

/** Both carriers in turn, round by round. Samples by the scenario's name. */
export async function measureBrowser(
  scenarios: readonly BrowserScenario[],
  { rounds, executable }: BrowserMeasureOptions,
): Promise<Map<string, ScenarioSamples>> {
  return Setting.use({ executable }, async (setting) => {
    const measured = new Map<string, ScenarioSamples>();
    await verify(setting);
    for (const visibility of VISIBILITIES) {
      const those = scenarios.filter((scenario) => scenario.visibility === visibility);
      if (those.length === 0) continue;
      if (visibility === 'hidden') await setting.hide();
      for (const [name, samples] of await measureRounds(setting, those, rounds)) measured.set(name, samples);
    }
    return measured;
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
  scenarios: readonly BrowserScenario[],
  rounds: number,
): Promise<Map<string, ScenarioSamples>> {
  const measured = new Map(scenarios.map(({ name }) => [name, { trunkline: [], 'raw-ws': [] } as ScenarioSamples]));
  const sizes = new Map<string, number>();
  const keyOf = ({ name }: BrowserScenario, { carrier }: CarrierDeployment) => `${name} ${carrier}`;
  for (const scenario of scenarios) {
    for (const carrier of setting.carriers)
      sizes.set(keyOf(scenario, carrier), await warmUp(setting, carrier, scenario.direction));
  }
  for (let round = 0; round < rounds; round++) {
    for (const scenario of scenarios) {
      for (const carrier of inTurn(setting.carriers, round)) {
        const totalBytes = sizes.get(keyOf(scenario, carrier)) as number;
        const sample = await measureOnce(setting, carrier, toTransfer(scenario.direction, totalBytes));
        measured.get(scenario.name)?.[carrier.carrier].push(sample);
      }
    }
  }
  return measured;
}

/** Returns how many bytes take about `TRANSFER_MS`. */
async function warmUp(setting: Setting, carrier: CarrierDeployment, direction: Direction): Promise<number> {
  let totalBytes = WARM_UP_BYTES;
  for (let pass = 0; pass < WARM_UP_PASSES; pass++) {
    const { bytes, ms } = await setting.transfer(carrier, toTransfer(direction, totalBytes));
    totalBytes = Math.max(1, Math.round(((bytes / ms) * TRANSFER_MS) / WRITE_BYTES)) * WRITE_BYTES;
  }
  return totalBytes;
}

async function measureOnce(setting: Setting, carrier: CarrierDeployment, transfer: Transfer): Promise<Sample> {
  const before = await setting.cpuMs(carrier);
  const { bytes, ms } = await setting.transfer(carrier, transfer);
  const after = await setting.cpuMs(carrier);
  const perMiB = Object.entries(after).map(([part, cpuMs]) => [
    part,
    (cpuMs - (before[part] as number)) / (bytes / MIB),
  ]);
  return { rate: bytes / MIB / (ms / 1000), ...Object.fromEntries(perMiB) };
}

function toTransfer(direction: Direction, totalBytes: number): Transfer {
  return { direction, totalBytes, writeBytes: WRITE_BYTES, hashed: false };
}
