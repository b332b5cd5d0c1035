import { afterEach } from 'vitest';
import { Attacker, type AttackOptions } from '../support/attacker.js';
import { frame, RawPeer, Type } from '../support/raw-peer.js';
import type { RelayFixture } from '../support/relay-fixture.js';

const closers: (() => Promise<unknown>)[] = [];

/** Those of the test are gone for good at its end. Called behind `checkLeaksAfterEach`, so that it comes first. */
export function closePeersAfterEach(): void {
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
  });
}

/** Somebody honest, who leaves in order. */
export async function peerOf(fixture: RelayFixture, fields: object = {}): Promise<RawPeer> {
  const peer = await RawPeer.ready(fixture.url, fields);
  closers.push(async () => {
    if (peer.socket.readyState === peer.socket.OPEN) peer.send(frame(0, Type.GOAWAY, { code: 'TUNNEL_CLOSED' }));
    await peer.closed;
  });
  return peer;
}

/** Somebody who does not. */
export async function attackerOf(
  fixture: RelayFixture,
  fields: object = {},
  options: AttackOptions = {},
): Promise<Attacker> {
  const attacker = await Attacker.ready(fixture.url, fields, options);
  closers.push(() => attacker.destroy());
  return attacker;
}

/** Somebody who is connected, and has not said a word. */
export async function strangerOf(fixture: RelayFixture, options: AttackOptions = {}): Promise<Attacker> {
  const stranger = await Attacker.dial(fixture.url, options);
  closers.push(() => stranger.destroy());
  return stranger;
}
