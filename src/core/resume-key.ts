/** A keyed hash of a statement. Injected: the core brings no cryptography. */
export type Prove = (key: string, statement: string) => string;

/** Who says how much it has: the initiator in OPEN, or the responder in ACCEPT. */
export type Side = 'open' | 'accept';

/**
 * What makes a stream one's own: a secret that both ends have had since its first OPEN. A proof covers what is claimed
 * and the number of the re-open, so a proof that somebody saw is of no use for another claim or another time.
 */
export class ResumeKey {
  constructor(
    readonly secret: string,
    private readonly uid: string,
    private readonly prove: Prove,
  ) {}

  proofOf(side: Side, epoch: number, received: number, ended: boolean): string {
    return this.prove(this.secret, [side, this.uid, epoch, received, ended ? 'ended' : 'open'].join(' '));
  }

  isProof(proof: string, side: Side, epoch: number, received: number, ended: boolean): boolean {
    return isSameText(proof, this.proofOf(side, epoch, received, ended));
  }
}

/** Takes as long whatever differs: how much of a guess was right is not to be seen. */
function isSameText(left: string, right: string): boolean {
  let difference = left.length ^ right.length;
  for (let index = 0; index < right.length; index++) {
    difference |= (left.charCodeAt(index) || 0) ^ right.charCodeAt(index);
  }
  return difference === 0;
}
