import { ConnectionCore } from '../../src/core/connection.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Open } from '../../src/protocol/frames.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';
import { FakeAttachment } from '../core/fake-attachment.js';

/** Somebody who says a tunnel's id where its secret belongs, and once more what another has said. */
export class Impostor {
  readonly connection: ConnectionCore;

  constructor(now: number, tunnelId: string, open: Open) {
    const nothing = () => {};
    this.connection = new ConnectionCore(
      { role: 'dialer', limits: DEFAULT_LIMITS, now },
      {
        helloReceived: nothing,
        welcomeReceived: nothing,
        openReceived: nothing,
        noticeReceived: nothing,
        connectionEnded: nothing,
      },
    );
    this.connection.hello({ endpoint: tunnelId });
    this.connection.open(new FakeAttachment(1), open);
  }

  stop(): void {
    this.connection.fail(new TrunklineError('TUNNEL_CLOSED', 'enough'));
  }
}
