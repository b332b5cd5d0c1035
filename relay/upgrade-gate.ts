import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { refuseUpgrade } from '../src/node/refuse-upgrade.js';
import type { Clock } from '../src/runtime/clock.js';
import { remoteAddressOf } from './forwarded-for.js';
import { LateRefusals } from './late-refusals.js';
import { isOriginAllowed } from './origins.js';
import type { RelayCore } from './relay-core.js';

/** Who may become a connection at all, as far as an upgrade request tells. */
export class UpgradeGate {
  private readonly late: LateRefusals;

  constructor(
    private readonly core: RelayCore,
    private readonly clock: Clock,
  ) {
    this.late = new LateRefusals(clock);
  }

  addressOf(request: IncomingMessage): string | undefined {
    return remoteAddressOf(request, this.core.options.trustedProxies);
  }

  /** False: the request has its refusal, or will have. */
  admit(request: IncomingMessage, socket: Duplex): boolean {
    const { options } = this.core;
    if (!isOriginAllowed(request.headers, options.origins)) {
      const text = `Pages of ${request.headers.origin} may not use this relay (its option: origins).`;
      refuseUpgrade(socket, 403, text);
      return false;
    }
    const [address, now] = [this.addressOf(request), this.clock.now()];
    if (!this.core.mayDial(address, now)) {
      this.core.ledger.requestRefused(request, 'LIMIT_RATE');
      this.late.refuse(socket, 503, 'This address dials too often (the option of the relay: rates.dials).');
      return false;
    }
    if (this.core.mayAccept(address, now)) return true;
    this.core.ledger.requestRefused(request, 'LIMIT_RATE');
    refuseUpgrade(socket, 503, 'Too many connections wait here for their handshake.');
    return false;
  }

  close(): void {
    this.late.close();
  }
}
