import { ConnectionCore } from '../../src/core/connection.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Open } from '../../src/protocol/frames.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';
import { FakeAttachment } from '../core/fake-attachment.js';

/** Somebody who says once more what another has said, and understands nothing of what it is told. */
export class Replayer {
  readonly connection: ConnectionCore;

  constructor(now: number, open: Open) {
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
    this.connection.hello();
    this.connection.open(new FakeAttachment(1), open);
  }

  /**
   * It falls silent. What it played may have been the newest that the other end ever heard; if it then said goodbye, it
   * would be believed, as its owner would: who holds an unused proof is the opener.
   */
  stop(): void {
    this.connection.fail(new TrunklineError('CONNECTION_LOST', 'enough'));
  }
}
