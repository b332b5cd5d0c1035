// What is fuzzed, in a process of its own: one that hangs or crashes can be told from one that is slow.
import { CONNECTION_STATES, fuzzConnection, MESSAGES_PER_CONNECTION } from '../property/fuzz-connections.js';
import { fuzzParts, fuzzWhole } from '../property/fuzz-decoder.js';
import { anyHandshake } from '../property/fuzz-handshakes.js';
import { anyMessage, mutate } from '../property/fuzz-input.js';
import { FuzzedRelay } from '../property/fuzz-relay.js';
import { answerQuestions, leaveAfter } from '../support/child-answers.js';
import { SeededRandom } from '../support/seeded-random.js';

export interface FuzzBatch {
  /** Messages, by what got them. */
  inputs: Record<string, number>;
  heapUsedBytes: number;
  rssBytes: number;
}

/** Most inputs end in an error, and what the stack was is then most of the work. */
Error.stackTraceLimit = 4;

const DECODER_INPUTS = 4000;
const PARTS_INPUTS = 2000;
const CONNECTIONS_PER_STATE = 28;
const RELAY_INPUTS = 400;

answerQuestions({
  start(): void {},
  batch(seed: number): FuzzBatch {
    const inputs = runBatch(new SeededRandom(seed));
    globalThis.gc?.();
    return { inputs, heapUsedBytes: process.memoryUsage().heapUsed, rssBytes: process.memoryUsage.rss() };
  },
  close(): void {
    void leaveAfter(Promise.resolve());
  },
});

function runBatch(random: SeededRandom): Record<string, number> {
  for (let count = 0; count < DECODER_INPUTS; count++) fuzzWhole(anything(random));
  for (let count = 0; count < PARTS_INPUTS; count++) fuzzParts(anything(random), random);
  for (const state of CONNECTION_STATES) {
    for (let count = 0; count < CONNECTIONS_PER_STATE; count++)
      fuzzConnection(state, random, count % 2 === 0 ? anyHandshake : anyMessage);
  }
  const relay = new FuzzedRelay(random);
  for (let count = 0; count < RELAY_INPUTS; count++)
    relay.say(random.chance(0.5) ? anything(random) : mutate(anyMessage(random), random));
  relay.close();
  return {
    'decoder, whole messages': DECODER_INPUTS,
    'decoder, messages in parts': PARTS_INPUTS,
    'connections of both roles, in every state':
      CONNECTION_STATES.length * CONNECTIONS_PER_STATE * MESSAGES_PER_CONNECTION,
    'a relay with honest peers': RELAY_INPUTS,
  };
}

function anything(random: SeededRandom): Uint8Array {
  return random.chance(0.3) ? anyHandshake(random) : anyMessage(random);
}
