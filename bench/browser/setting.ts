import type { CarrierName } from '../carriers/carrier.js';
import { buildBundles } from './bundles.js';
import { CarrierDeployment } from './carrier-deployment.js';
import { Chromium } from './chromium.js';
import { chromiumCpuMs } from './chromium-cpu.js';
import { PageServer } from './page-server.js';
import type { Transfer, TransferResult, Visibility } from './protocol.js';

const CARRIERS: readonly CarrierName[] = ['trunkline', 'raw-ws'];

export interface CpuMs {
  /** Undefined where the system does not tell. */
  page: number | undefined;
  browser: number | undefined;
  relay: number;
  endpoint: number;
}

/** A Chromium with the measured page, and both carriers that the page can use. */
export class Setting {
  readonly carriers: CarrierDeployment[] = [];
  private page!: PageServer;
  private chromium: Chromium | undefined;
  private visibility: Visibility = 'visible';

  private constructor() {}

  /** Runs `work`, and leaves no process and no file behind, however that ends. */
  static async use<Result>(
    work: (setting: Setting) => Promise<Result>,
    chromiumArguments: readonly string[] = [],
  ): Promise<Result> {
    await buildBundles();
    const setting = new Setting();
    try {
      await setting.start(chromiumArguments);
      return await work(setting);
    } finally {
      await setting.stop();
    }
  }

  get userDataDirectory(): string {
    return (this.chromium as Chromium).userDataDirectory;
  }

  /** @throws Error when the page does not see that it is hidden: nothing is measured then */
  async hide(): Promise<void> {
    this.visibility = await this.page.order({ kind: 'hide' });
    if (this.visibility !== 'hidden') throw new Error(`the page is ${this.visibility} and cannot be hidden`);
  }

  /** @throws Error when the page was not all the time as visible as it is to be */
  async transfer({ carrier, relayPort }: CarrierDeployment, transfer: Transfer): Promise<TransferResult> {
    const result = await this.page.order({ kind: 'transfer', carrier, relayPort, transfer });
    const seen = result.visibilities.join(', then ');
    if (seen !== this.visibility) throw new Error(`measured while the page was ${seen}, not ${this.visibility}`);
    return result;
  }

  async cpuMs(carrier: CarrierDeployment): Promise<CpuMs> {
    const chromium = chromiumCpuMs((this.chromium as Chromium).pid);
    return { page: chromium?.renderer, browser: chromium?.rest, ...(await carrier.cpuMs()) };
  }

  /** Everything that takes part, this process included. */
  async ownCpuMs(): Promise<number> {
    const { user, system } = process.cpuUsage();
    const { renderer, rest } = chromiumCpuMs((this.chromium as Chromium).pid) ?? { renderer: 0, rest: 0 };
    let sum = (user + system) / 1000 + renderer + rest;
    for (const carrier of this.carriers) {
      const { relay, endpoint } = await carrier.cpuMs();
      sum += relay + endpoint;
    }
    return sum;
  }

  private async start(extraArguments: readonly string[]): Promise<void> {
    for (const carrier of CARRIERS) this.carriers.push(await CarrierDeployment.start(carrier));
    this.page = await PageServer.start();
    const [visibility] = await Promise.all([this.page.opened(), this.startChromium(extraArguments)]);
    if (visibility !== 'visible') throw new Error(`the page begins ${visibility}`);
  }

  private async startChromium(extraArguments: readonly string[]): Promise<void> {
    const { url } = this.page;
    this.chromium = await Chromium.start({ url, extraArguments, onGone: (error) => this.page.fail(error) });
  }

  private async stop(): Promise<void> {
    await this.chromium?.stop();
    this.page?.stop();
    await Promise.all(this.carriers.map((carrier) => carrier.stop()));
  }
}
