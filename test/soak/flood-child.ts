// Attackers in a process of their own: what a flood costs them is not what it costs the relay.
import { constants, setPriority } from 'node:os';
import { answerQuestions, leaveAfter } from '../support/child-answers.js';
import { FloodAttack, type FloodReport } from './flood-attack.js';
import { FLOODS, type FloodTarget } from './flood-kinds.js';

let attack: FloodAttack | undefined;

answerQuestions({
  start(): void {
    // Attackers have machines of their own; here they get what others leave.
    setPriority(constants.priority.PRIORITY_LOW);
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
