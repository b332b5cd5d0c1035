import { CARRIERS } from '../measure.js';
import type { Sample } from '../scenarios/scenario.js';
import { buildWorkerScript } from '../worker-script.js';
import { CarrierDeployment } from './carrier-deployment.js';
import { Chromium } from './chromium.js';
import { chromiumCpuMs } from './chromium-cpu.js';
import { buildPageScript } from './page-script.js';
import { PageServer } from './page-server.js';
import type { Transfer, TransferResult, Visibility } from './protocol.js';

export interface SettingOptions {
  /** The Chromium. */
  executable: string;
  extraArguments?: readonly string[];
}

/** A Chromium with the measured page, and both carriers that the page can use. */
export class Setting {
  readonly carriers: CarrierDeployment[] = [];
  private page!: PageServer;
  private chromium: Chromium | undefined;
  private visibility: Visibility = 'visible';

  private constructor() {}

  /** Runs `work`, and leaves no process and no file behind, however that ends. */
  static async use<Result>(options: SettingOptions, work: (setting: Setting) => Promise<Result>): Promise<Result> {
    await buildWorkerScript();
    await buildPageScript();
    const setting = new Setting();
    try {
      await setting.start(options);
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

  /** By metric. Nothing of the browser where the system does not tell. */
  async cpuMs(carrier: CarrierDeployment): Promise<Sample> {
    const chromium = chromiumCpuMs((this.chromium as Chromium).pid);
    return { ...(chromium && { page: chromium.renderer, browser: chromium.rest }), ...(await carrier.cpuMs()) };
  }

  private async start(options: SettingOptions): Promise<void> {
    this.page = await PageServer.start();
    const { origin } = new URL(this.page.url);
    for (const carrier of CARRIERS) this.carriers.push(await CarrierDeployment.start(carrier, origin));
    const [visibility] = await Promise.all([this.page.opened(), this.startChromium(options)]);
    if (visibility !== 'visible') throw new Error(`the page begins ${visibility}`);
  }

  private async startChromium(options: SettingOptions): Promise<void> {
    const { url } = this.page;
    this.chromium = await Chromium.start({ ...options, url, onGone: (error) => this.page.fail(error) });
  }

  private async stop(): Promise<void> {
    await this.chromium?.stop();
    this.page?.stop();
    await Promise.all(this.carriers.map((carrier) => carrier.stop()));
  }
}
