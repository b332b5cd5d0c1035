import { describe, expect, test } from 'vitest';
import { Flow } from '../../relay/flow.js';
import { MessageWriter } from '../../src/core/message-writer.js';
import { writeDataHeader } from '../../src/protocol/encode.js';
import { joinMessage } from '../../src/protocol/message-parts.js';
import { decodeMessage } from '../support/decode-message.js';

const AHEAD = 1000;
const FRAME = 65_536;

function data(length: number, first = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => first + index);
}

/** As the scheduler asks for it: what is sendable, into memory for what is copied of it. */
function write(flow: Flow, maxPayloadBytes = FRAME): MessageWriter {
  const bytes = flow.sendableBytes(maxPayloadBytes);
  const message = new MessageWriter(new Uint8Array(flow.copiedBytes(maxPayloadBytes)));
  flow.writeFrames(message, 9, maxPayloadBytes);
  expect([message.length, message.room]).toEqual([bytes, 0]);
  return message;
}

/** What the sink is sent now. */
function pass(flow: Flow, maxPayloadBytes = FRAME): string[] {
  const message = write(flow, maxPayloadBytes).finish();
  if (message === undefined) return [];
  return decodeMessage(joinMessage(message), FRAME).frames.map((frame) => {
    if (frame.type === 'DATA') return `DATA ${frame.id} ${frame.payload.join()}${frame.exhausted ? ' exhausted' : ''}`;
    return frame.type === 'END' ? `END ${frame.id} ${frame.finalOffset}` : frame.type;
  });
}

const breach = (code: string) => expect.objectContaining({ code });

describe('the source', () => {
  test('is held to what it was granted, to the byte', () => {
    const flow = new Flow(10);
    flow.receiveData(data(10), false);
    expect(() => flow.receiveData(data(1), false)).toThrow(breach('FLOW_CONTROL'));
    expect(flow.queued).toBe(10);
  });

  test('has to count its END right, once, and is silent afterwards', () => {
    const flow = new Flow(10);
    flow.receiveData(data(4), false);
    expect(() => flow.receiveEnd(3)).toThrow(breach('PROTOCOL'));
    flow.receiveEnd(4);
    expect(() => flow.receiveEnd(4)).toThrow(breach('PROTOCOL'));
    expect(() => flow.receiveData(data(1), false)).toThrow(breach('PROTOCOL'));
  });
});

describe('the sink', () => {
  test('gets bytes only as far as its credit, in order, gathered, with END behind the last', () => {
    const flow = new Flow(10);
    flow.receiveData(data(3), false);
    flow.receiveData(data(3, 3), false);
    flow.receiveEnd(6);
    expect(pass(flow)).toEqual([]);
    flow.receiveCredit(0, 4);
    expect(pass(flow)).toEqual(['DATA 9 0,1,2,3']);
    flow.receiveCredit(0, 6);
    expect(pass(flow)).toEqual(['DATA 9 4,5', 'END 9 6']);
    expect(flow.queued).toBe(0);
  });

  test('is told that the source ran out where a frame that says so ends', () => {
    const flow = new Flow(10);
    flow.receiveCredit(0, 100);
    flow.receiveData(data(2), true);
    expect(pass(flow, 1)).toEqual(['DATA 9 0']);
    expect(pass(flow, 1)).toEqual(['DATA 9 1 exhausted']);
  });

  test('cannot have consumed what it was not sent', () => {
    const flow = new Flow(10);
    flow.receiveData(data(5), false);
    flow.receiveCredit(0, 3);
    pass(flow);
    expect(() => flow.receiveCredit(4, 10)).toThrow(breach('PROTOCOL'));
    flow.receiveCredit(3, 10);
  });

  test('acknowledges END after it was passed on, once', () => {
    const flow = new Flow(10);
    flow.receiveEnd(0);
    expect(() => flow.receiveEndAck()).toThrow(breach('PROTOCOL'));
    expect(pass(flow)).toEqual(['END 9 0']);
    flow.receiveEndAck();
    expect(flow.isDone).toBe(true);
    expect(() => flow.receiveEndAck()).toThrow(breach('PROTOCOL'));
  });
});

describe('credit for the source', () => {
  test('is what the sink allows, but never more than `ahead` past what has left', () => {
    const flow = new Flow(0);
    flow.receiveCredit(0, 300);
    expect(flow.grant(AHEAD)).toEqual({ consumed: 0, credit: 300 });
    flow.receiveCredit(0, 50_000);
    expect(flow.grant(AHEAD)).toEqual({ consumed: 0, credit: 1000 });
    flow.receiveData(data(200), false);
    pass(flow);
    expect(flow.grant(AHEAD)).toEqual({ consumed: 0, credit: 1200 });
  });

  test('is never taken back, whatever the sink says later and however small the share becomes', () => {
    const flow = new Flow(0);
    flow.receiveCredit(0, 500);
    flow.grant(AHEAD);
    flow.receiveCredit(0, 100);
    expect(flow.grant(1)).toEqual({ consumed: 0, credit: 500 });
  });

  test('what is withheld is granted as bytes leave', () => {
    const flow = new Flow(0);
    flow.receiveCredit(0, 50_000);
    flow.grant(AHEAD);
    expect(flow.isGrantDue(AHEAD)).toBe(false);
    flow.receiveData(data(499), false);
    pass(flow);
    expect(flow.isGrantDue(AHEAD)).toBe(false);
    flow.receiveData(data(1), false);
    pass(flow);
    expect(flow.isGrantDue(AHEAD)).toBe(true);
  });

  test('a source that has used up a small grant gets more, however large the share has become', () => {
    const flow = new Flow(0);
    flow.receiveCredit(0, 300);
    flow.grant(10);
    flow.receiveData(data(10), true);
    pass(flow);
    expect(flow.isGrantDue(1_000_000)).toBe(true);
  });

  test('is not due when the sink allows no more, nor after END', () => {
    const flow = new Flow(0);
    flow.receiveCredit(0, 300);
    flow.grant(AHEAD);
    flow.receiveData(data(200), false);
    pass(flow);
    expect(flow.isGrantDue(AHEAD)).toBe(false);
    flow.receiveEnd(200);
    flow.receiveCredit(200, 50_000);
    expect(flow.isGrantDue(AHEAD)).toBe(false);
  });

  test('tells what the sink has consumed', () => {
    const flow = new Flow(10);
    flow.receiveCredit(0, 10);
    flow.receiveData(data(10), false);
    pass(flow);
    flow.receiveCredit(7, 17);
    flow.receiveCredit(5, 17);
    expect(flow.grant(AHEAD)).toEqual({ consumed: 7, credit: 17 });
  });
});

describe('a large payload', () => {
  const large = (exhausted = false) => {
    const flow = new Flow(100_000);
    const payload = data(20_000);
    flow.receiveData(payload, exhausted);
    return { flow, payload };
  };

  test('is passed by reference: the very memory, behind a header with the id of the sink', () => {
    const { flow, payload } = large(true);
    flow.receiveCredit(0, 20_000);
    expect(flow.sendableBytes(FRAME)).toBe(8 + 20_000);
    expect(flow.copiedBytes(FRAME)).toBe(8);
    const [header, passed, ...more] = write(flow).finish()!;
    const expected = new Uint8Array(8);
    writeDataHeader(expected, 0, 9, 20_000, true);
    expect(header).toEqual(expected);
    expect(passed).toBe(payload);
    expect(more).toEqual([]);
    expect([flow.queued, flow.sendableBytes(FRAME), flow.copiedBytes(FRAME)]).toEqual([0, 0, 0]);
  });

  test('has END behind it, in the same message', () => {
    const { flow, payload } = large();
    flow.receiveEnd(20_000);
    flow.receiveCredit(0, 20_000);
    expect([flow.sendableBytes(FRAME), flow.copiedBytes(FRAME)]).toEqual([8 + 20_000 + 16, 8 + 16]);
    const [, passed, end] = write(flow).finish()!;
    expect(passed).toBe(payload);
    expect(decodeMessage(end!, FRAME).frames).toEqual([{ type: 'END', id: 9, finalOffset: 20_000 }]);
  });

  test('over the credit, or over what the sink takes in one frame, is passed in slices of it', () => {
    const { flow, payload } = large(true);
    flow.receiveCredit(0, 19_000);
    const slices = [write(flow, 8192), write(flow, FRAME)].map((message) => message.finish()![1]!);
    expect(slices.map(({ buffer, byteOffset, length }) => [buffer, byteOffset, length])).toEqual([
      [payload.buffer, 0, 8192],
      [payload.buffer, 8192, 19_000 - 8192],
    ]);
    flow.receiveCredit(0, 20_000);
    // What is left is no longer large.
    expect(flow.copiedBytes(FRAME)).toBe(8 + 1000);
    expect(pass(flow)).toEqual([`DATA 9 ${data(1000, 19_000).join()} exhausted`]);
  });

  test('is not joined by what is before or behind it', () => {
    const flow = new Flow(100_000);
    for (const length of [2000, 3000, 20_000, 1000]) flow.receiveData(new Uint8Array(length), false);
    flow.receiveCredit(0, 100_000);
    const sizes = [1, 2, 3].map(() => [flow.sendableBytes(FRAME), write(flow).finish()!.length]);
    expect(sizes).toEqual([
      [8 + 5000, 1],
      [8 + 20_000, 2],
      [8 + 1000, 1],
    ]);
    expect(flow.queued).toBe(0);
  });
});

describe('of a stream that is carried on', () => {
  const carriedOn = (ended = false) => {
    const flow = new Flow(0);
    flow.startAt({ received: 500, ended });
    return flow;
  };

  test('starts where the sink is: offsets, credit and END count from the first byte of the stream', () => {
    const flow = carriedOn();
    expect(() => flow.receiveData(data(1), false)).toThrow(breach('FLOW_CONTROL'));
    flow.receiveCredit(0, 504);
    expect(flow.grant(AHEAD)).toEqual({ consumed: 0, credit: 504 });
    flow.receiveData(data(4), false);
    expect(pass(flow)).toEqual(['DATA 9 0,1,2,3']);
    expect(() => flow.receiveCredit(505, 600)).toThrow(breach('PROTOCOL'));
    flow.receiveCredit(504, 9_000);
    expect(flow.grant(AHEAD)).toEqual({ consumed: 504, credit: 504 + AHEAD });
    expect(() => flow.receiveEnd(4)).toThrow(breach('PROTOCOL'));
    flow.receiveEnd(504);
    expect(pass(flow)).toEqual(['END 9 504']);
  });

  test('credit below what the sink has received is no credit, and no harm', () => {
    const flow = carriedOn();
    flow.receiveCredit(0, 10);
    expect(flow.sendableBytes(FRAME)).toBe(0);
    expect(flow.grant(AHEAD)).toEqual({ consumed: 0, credit: 500 });
  });

  test('an early window is counted from there', () => {
    const flow = new Flow(10);
    flow.startAt({ received: 500, ended: false });
    flow.receiveData(data(10), false);
    expect(() => flow.receiveData(data(1), false)).toThrow(breach('FLOW_CONTROL'));
  });

  test('one that had ended is done', () => {
    const flow = carriedOn(true);
    expect([flow.isDone, flow.sendableBytes(FRAME), flow.isGrantDue(AHEAD)]).toEqual([true, 0, false]);
    expect(() => flow.receiveData(data(1), false)).toThrow(breach('PROTOCOL'));
    expect(() => flow.receiveEnd(500)).toThrow(breach('PROTOCOL'));
    expect(() => flow.receiveEndAck()).toThrow(breach('PROTOCOL'));
  });
});

test('discard forgets what is queued, END included, and not that all was delivered', () => {
  const ended = new Flow(10);
  ended.receiveEnd(0);
  ended.discard();
  expect(ended.sendableBytes(FRAME)).toBe(0);
  const done = new Flow(10);
  done.receiveEnd(0);
  pass(done);
  done.receiveEndAck();
  done.discard();
  expect(done.isDone).toBe(true);

  const flow = new Flow(10);
  flow.receiveCredit(0, 10);
  flow.receiveData(data(10), false);
  flow.discard();
  expect([flow.queued, flow.sendableBytes(FRAME)]).toEqual([0, 0]);
});

test('thousands of small payloads are gathered in order and forgotten', () => {
  const flow = new Flow(10_000);
  flow.receiveCredit(0, 10_000);
  for (let count = 0; count < 10_000; count++) flow.receiveData(data(1, count & 255), false);
  let at = 0;
  while (flow.queued > 0) for (const byte of write(flow, 777).target.subarray(8)) expect(byte).toBe(at++ & 255);
  expect(at).toBe(10_000);
});
