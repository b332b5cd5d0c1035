import type { CarrierName } from '../carriers/carrier.js';
import { WorkerHandle } from '../worker-handle.js';

/** Relay and listener of a carrier, at work in processes of their own. The page is its third part. */
export class CarrierDeployment {
  private constructor(
    readonly carrier: CarrierName,
    readonly relayPort: number,
    private readonly relay: WorkerHandle,
    private readonly listener: WorkerHandle,
  ) {}

  static async start(carrier: CarrierName, pageOrigin: string): Promise<CarrierDeployment> {
    const relay = await WorkerHandle.spawn(carrier, 'relay');
    const listener = await WorkerHandle.spawn(carrier, 'listener');
    const relayPort = (await relay.order({ kind: 'start', pageOrigin })) as number;
    await listener.order({ kind: 'start', relayPort, servesPage: true });
    return new CarrierDeployment(carrier, relayPort, relay, listener);
  }

  async cpuMs(): Promise<{ relay: number; listener: number }> {
    return { relay: (await this.relay.usage()).cpuMs, listener: (await this.listener.usage()).cpuMs };
  }

  async stop(): Promise<void> {
    await this.relay.stop();
    await this.listener.stop();
  }
}
