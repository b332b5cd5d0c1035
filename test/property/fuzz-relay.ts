import { TrunklineError } from '../../src/protocol/errors.js';
import { CorePeer, creditFrame, dataFrame, makeRelay } from '../relay/core-peer.js';
import type { SeededRandom } from '../support/seeded-random.js';

/** A relay with a stream between two honest peers, and a third party that says anything. */
export class FuzzedRelay {
  private readonly relay = makeRelay();
  private readonly listener = new CorePeer(this.relay.core);
  private readonly client = new CorePeer(this.relay.core);
  private third = new CorePeer(this.relay.core);
  private readonly near: number;
  private readonly far: number;
  private offset = 0;

  constructor(private readonly random: SeededRandom) {
    this.listener.listen('n');
    this.near = this.client.connect('n');
    this.far = this.listener.accept(this.listener.offers()[0]!);
    this.client.frames();
    this.listener.frames();
  }

  /** The third party says that, on a connection or a new one. @throws Error when the two others notice it */
  say(message: Uint8Array): void {
    if (this.third.connection.hasEnded) this.third = new CorePeer(this.relay.core);
    this.third.send(message);
    this.third.frames();

    const bytes = this.random.bytes(this.random.integer(1, 40));
    this.client.send(dataFrame(this.near, bytes));
    this.offset += bytes.length;
    const received = this.listener
      .frames()
      .flatMap((frame) => (frame.type === 'DATA' && frame.id === this.far ? [frame] : []));
    const same = received.length === 1 && Buffer.compare(received[0]!.payload, bytes) === 0;
    this.listener.send(creditFrame(this.far, this.offset, this.offset + 1_000_000));
    const credits = this.client.frames().map(({ type }) => type);
    if (!same || credits.some((type) => type !== 'CREDIT'))
      throw new Error(`disturbed by ${Buffer.from(message).toString('hex')}: ${credits}`);
  }

  /** @throws Error when the third party leaves more behind than it should */
  close(): void {
    this.third.connection.lost(new TrunklineError('CONNECTION_LOST'));
    const { core, told } = this.relay;
    const { connects, splices, tunnels } = core.stats;
    const left = JSON.stringify([core.names, connects.pending, splices.active, tunnels.active]);
    const defects = told.filter((event) => event.startsWith('defect'));
    if (left !== '[["n"],0,1,2]' || defects.length > 0) throw new Error(`left ${left}, defects ${defects}`);
  }
}
