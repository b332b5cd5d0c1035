import { beforeEach, describe, expect, test } from 'vitest';
import type { RelayCore } from '../../relay/relay-core.js';
import { encodeClose, encodeDetach, encodeReset } from '../../src/protocol/encode.js';
import { CorePeer, dataFrame, endFrame, makeRelay, nextId, publicId } from './core-peer.js';

const CANCELED = { code: 'CANCELED', reason: 'why' } as const;

let core: RelayCore;
let client: CorePeer;
let far: CorePeer;

describe('a connect that is repeated', () => {
  const KEY = nextId();
  const resume = { epoch: 1, received: 0, ended: false, proof: 'p' };
  beforeEach(() => {
    ({ core } = makeRelay());
    client = new CorePeer(core);
    far = new CorePeer(core, {}, 0, 'far');
    far.listen('n');
  });

  test('is offered with key and resume; what the listener has received is skipped', () => {
    const id = client.connect('n', { key: KEY, resume, credit: 5000 });
    const [offer] = far.offers();
    expect(offer).toMatchObject({ key: KEY, resume });
    const there = far.accept(offer!, { key: KEY, resume: { ...resume, received: 300, proof: 'q' } });
    expect(client.frames()).toMatchObject([
      {
        type: 'ACCEPT',
        id,
        accept: {
          credit: 1_000_000,
          endpoint: publicId('far'),
          resume: { received: 300, ended: false, proof: 'q' },
        },
      },
    ]);
    far.told();
    client.send(dataFrame(id, new Uint8Array(10)), endFrame(id, 310));
    expect(far.told()).toEqual([`DATA ${there} 10`, `END ${there} 310`]);
    far.send(dataFrame(there, new Uint8Array(4)));
    expect(client.told()).toEqual([`DATA ${id} 4`]);
  });

  test('to a listener that sends from where the client is', () => {
    const id = client.connect('n', { key: KEY, resume: { ...resume, received: 50 }, credit: 100 });
    const there = far.accept(far.offers()[0]!, { key: KEY, resume });
    client.told();
    far.send(dataFrame(there, new Uint8Array(10)), endFrame(there, 60));
    expect(client.told()).toEqual([`DATA ${id} 10`, `END ${id} 60`]);
  });

  test('to a listener that never had it starts at nothing, whatever the client claims', () => {
    const id = client.connect('n', { key: KEY, resume: { ...resume, received: 50 }, credit: 100 });
    const there = far.accept(far.offers()[0]!, { key: KEY });
    const [answered] = client.frames();
    expect(answered).not.toHaveProperty('accept.resume');
    client.send(dataFrame(id, new Uint8Array(1)));
    far.send(dataFrame(there, new Uint8Array(10)), endFrame(there, 10));
    expect(client.told()).toEqual([`DATA ${id} 10`, `END ${id} 10`]);
    expect(far.connection.isOpen).toBe(true);
  });

  test('takes no early bytes', () => {
    for (const frame of [
      (id: number) => dataFrame(id, new Uint8Array(1)),
      (id: number) => endFrame(id, 0),
      (id: number) => encodeClose(id),
    ]) {
      const other = new CorePeer(core);
      other.send(frame(other.connect('n', { key: KEY, resume })));
      expect(other.told()).toEqual(['GOAWAY PROTOCOL']);
    }
    expect(core.stats.connects).toMatchObject({ requested: 3, canceled: 3, pending: 0 });
  });

  test('is not for the listener to invent', () => {
    client.connect('n', { key: KEY });
    far.accept(far.offers()[0]!, { key: KEY, resume });
    expect(far.told().at(-1)).toBe('GOAWAY PROTOCOL');
    expect(client.told().at(-1)).toMatch(/LISTENER_GONE$/);
  });

  test('given up or detached before its answer, is forgotten', () => {
    const id = client.connect('n', { key: KEY, resume });
    client.send(encodeReset(id, CANCELED));
    expect(client.told()).toEqual([`CLOSE ${id}`]);
    client.send(encodeDetach(client.connect('n', { key: KEY }), CANCELED));
    expect(client.told()).toEqual([]);
    expect(core.stats.connects).toMatchObject({ canceled: 2, pending: 0 });
    expect(client.connection.streamCount).toBe(0);
  });
});
