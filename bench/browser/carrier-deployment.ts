import type { CarrierName } from '../carriers/carrier.js';
import { WorkerHandle } from './worker-handle.js';

/** Relay and Node endpoint of a carrier, at work in processes of their own. The page is its third part. */
export class CarrierDeployment {
  private constructor(
    readonly carrier: CarrierName,
    readonly relayPort: number,
    private readonly relay: WorkerHandle,
    private readonly endpoint: WorkerHandle,
  ) {}

  static async start(carrier: CarrierName): Promise<CarrierDeployment> {
    const relay = await WorkerHandle.spawn(carrier, 'relay');
    const endpoint = await WorkerHandle.spawn(carrier, 'endpoint');
    const relayPort = await relay.order({ kind: 'start' });
    await endpoint.order({ kind: 'start', relayPort });
    return new CarrierDeployment(carrier, relayPort, relay, endpoint);
  }

  async cpuMs(): Promise<{ relay: number; endpoint: number }> {
    return { relay: await this.relay.order({ kind: 'cpu' }), endpoint: await this.endpoint.order({ kind: 'cpu' }) };
  }

  async stop(): Promise<void> {
    await Promise.all([this.relay.stop(), this.endpoint.stop()]);
  }
}
