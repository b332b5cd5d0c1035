/** Time that passes only when a simulation says so. */
export class VirtualClock {
  private time: number;

  constructor(start = 0) {
    this.time = start;
  }

  readonly now = (): number => this.time;

  advanceTo(time: number): void {
    if (!(time >= this.time)) throw new RangeError(`time does not go back from ${this.time} to ${time}`);
    this.time = time;
  }
}
