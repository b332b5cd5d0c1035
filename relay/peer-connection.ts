import { ConnectionCore, type ConnectionOptions, type ConnectionOwner } from '../src/core/connection.js';
import type { ErrorCode } from '../src/protocol/codes.js';
import type { ErrorPayload } from '../src/protocol/errors.js';

/** A peer's connection that tells of every stream that it refuses, whoever has decided that. */
export class PeerConnection extends ConnectionCore {
  constructor(
    options: ConnectionOptions,
    owner: ConnectionOwner,
    private readonly refused: (code: ErrorCode) => void,
  ) {
    super(options, owner);
  }

  override refuse(id: number, error: ErrorPayload): void {
    this.refused(error.code);
    super.refuse(id, error);
  }
}
