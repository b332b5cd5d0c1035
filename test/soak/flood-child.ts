// Attackers in a process of their own: what a flood costs them is not what it costs the relay.
import { setPriority } from 'node:os';
import { answerQuestions, leaveAfter } from '../support/child-answers.js';
import { FloodAttack, type FloodReport } from './flood-attack.js';
import { FLOODS, type FloodTarget } from './flood-kinds.js';

/** Attackers have machines of their own; here they get what others leave. */
const LOW_PRIORITY = 10;
let attack: FloodAttack | undefined;

answerQuestions({
  start(): void {
    setPriority(LOW_PRIORITY);
  },
  flood({ name, target }: { name: string; target: FloodTarget }): void {
    attack = new FloodAttack(FLOODS.find((kind) => kind.name === name)!, target);
  },
  async stop(): Promise<FloodReport> {
    return attack!.stop();
  },
  close(): void {
    void leaveAfter(Promise.resolve());
  },
});
