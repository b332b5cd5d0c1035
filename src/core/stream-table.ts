import { MAX_STREAM_ID } from '../protocol/constants.js';
import { TrunklineError } from '../protocol/errors.js';
import type { Attachment } from './attachment.js';

export type Role = 'dialer' | 'acceptor';

/**
 * Ids of one connection (R30-R33): dialer odd, acceptor even, strictly rising, never used twice. So the last id of each
 * side tells a closed stream (its late frames are ignored) from one that never was (a breach), with nothing remembered
 * per closed stream.
 */
export class StreamTable {
  private readonly attachments = new Map<number, Attachment>();
  private nextLocalId: number;
  private lastRemoteId = 0;
  private remoteCount = 0;

  constructor(
    private readonly role: Role,
    firstLocalId = role === 'dialer' ? 1 : 2,
  ) {
    this.nextLocalId = firstLocalId;
  }

  get size(): number {
    return this.attachments.size;
  }

  /** Streams that the peer opened and that are alive. */
  get remoteSize(): number {
    return this.remoteCount;
  }

  get localSize(): number {
    return this.attachments.size - this.remoteCount;
  }

  /** @throws TrunklineError LIMIT_STREAMS when a connection has used all of its 2^31 ids; a new connection starts anew */
  addLocal(attachment: Attachment): number {
    const id = this.nextLocalId;
    if (id > MAX_STREAM_ID) throw new TrunklineError('LIMIT_STREAMS', 'this connection has used all of its stream ids');
    this.nextLocalId += 2;
    this.attachments.set(id, attachment);
    return id;
  }

  /** An OPEN has come. @throws TrunklineError PROTOCOL on wrong parity or an id that is not above all before */
  admitRemote(id: number): void {
    if (this.isLocal(id)) throw new TrunklineError('PROTOCOL', `OPEN with id ${id}, which is not the peer's to give`);
    if (id <= this.lastRemoteId) throw new TrunklineError('PROTOCOL', `OPEN with id ${id} after ${this.lastRemoteId}`);
    this.lastRemoteId = id;
  }

  addRemote(id: number, attachment: Attachment): void {
    this.attachments.set(id, attachment);
    this.remoteCount++;
  }

  /** Undefined for a stream that is closed. @throws TrunklineError PROTOCOL for one that never was */
  find(id: number): Attachment | undefined {
    const attachment = this.attachments.get(id);
    if (attachment !== undefined) return attachment;
    const wasOpened = this.isLocal(id) ? id < this.nextLocalId : id <= this.lastRemoteId;
    if (!wasOpened) throw new TrunklineError('PROTOCOL', `a frame for stream id ${id}, which was never opened`);
    return undefined;
  }

  remove(id: number): void {
    if (!this.attachments.delete(id)) return;
    if (!this.isLocal(id)) this.remoteCount--;
  }

  /** Empties the table; returns what was in it. */
  clear(): Attachment[] {
    const all = [...this.attachments.values()];
    this.attachments.clear();
    this.remoteCount = 0;
    return all;
  }

  values(): IterableIterator<Attachment> {
    return this.attachments.values();
  }

  private isLocal(id: number): boolean {
    return (id % 2 === 1) === (this.role === 'dialer');
  }
}
