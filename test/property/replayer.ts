import { ConnectionCore } from '../../src/core/connection.js';
import type { ErrorCode } from '../../src/protocol/codes.js';
import { TrunklineError } from '../../src/protocol/errors.js';
import type { Open } from '../../src/protocol/frames.js';
import { DEFAULT_LIMITS } from '../../src/protocol/limits.js';
import { FakeAttachment } from '../core/fake-attachment.js';

/** Somebody who says once more what another has said, and understands nothing of what it is told. */
export class Replayer {
  readonly connection: ConnectionCore;

  /** @param endpoint who it says it is; default: nobody */
  constructor(now: number, open: Open, endpoint?: string) {
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
    this.connection.hello({ endpoint });
    this.connection.open(new FakeAttachment(1), open);
  }

  stop(code: ErrorCode): void {
    this.connection.fail(new TrunklineError(code, 'enough'));
  }
}
