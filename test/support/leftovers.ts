// What tunnels and relays still hold, by name: for the leak check of the tests and for the soak runs.
import type { Relay } from '../../relay/index.js';
import type { Tunnel } from '../../src/index.js';
import { relayInternals, tunnelInternals } from './internals.js';

/** What is there and should not be, by name. */
function present(counts: Record<string, number>): string[] {
  return Object.entries(counts).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]));
}

/**
 * Streams the core knows (those that linger, are suspended or wait to be opened as well), those with a place on a
 * connection, and those that events would still be handed to.
 */
export function leftOnTunnel(tunnel: Tunnel): string[] {
  const { core, handlers } = tunnelInternals(tunnel);
  return present({
    streams: core.streamCount,
    'of them suspended': core.suspendedCount,
    'of them lingering': core.deadlines.lingering.size,
    'of them waiting': core.opening.waiting.size,
    'of them accepted': core.accepted.size,
    'of them pending connects': core.opening.pendingConnects.size,
    'places on its connection': core.connection?.streamCount ?? 0,
    'places on connections it leaves': [...core.connections.leaving].reduce(
      (sum, { streamCount }) => sum + streamCount,
      0,
    ),
    handlers: handlers.size,
  });
}

/** A closed tunnel dials no more, waits for nothing, and has no connection. */
export function leftOfClosed(tunnel: Tunnel): string[] {
  const { drivers, timer, redial } = tunnelInternals(tunnel);
  const timers = [timer, redial.cancelTimer, redial.cancelHop].filter((one) => one !== undefined).length;
  return [...leftOnTunnel(tunnel), ...present({ connections: drivers.size, timers })];
}

type Sized = { readonly size: number };

/** Besides what `relayInternals` shows: what peers are held to, and what waits for a decision or for its turn. */
function waitingRooms(relay: Relay) {
  return relayInternals(relay).core as unknown as {
    broker: {
      pending: { countOf: Sized };
      paced: { waiting: Sized };
      admissions: { held: Sized };
      resumes: { turns: { byTunnel: Sized } };
      watches: { all: Sized };
    };
    peerLimits: {
      peers: Sized;
      handshakes: { pending: Sized; countOf: Sized };
      memory: { countedBytes: number };
    };
    tokenExpiries: { byConnection: Sized };
  };
}

export function leftAtRelay(relay: Relay): string[] {
  const { splices, connects, resumes, names } = relay.stats();
  const { pending, resumes: resuming } = relayInternals(relay).core.broker;
  const { broker, peerLimits } = waitingRooms(relay);
  return present({
    splices: splices.active,
    names: names.active,
    'of them reserved': names.reserved,
    'pending connects': connects.pending,
    'of them known': pending.size,
    'pending resumes': resumes.pending,
    'of them still known': resuming.pending.size,
    'legs of them': resuming.pending.byLeg.size,
    'endpoints waited for': resuming.pending.parked.size,
    'tunnels that ask for resumes': broker.resumes.turns.byTunnel.size,
    'listeners with offers': broker.pending.countOf.size,
    'streams that are decided on': broker.admissions.held.size,
    'tunnels whose questions wait': broker.paced.waiting.size,
    'bytes counted': peerLimits.memory.countedBytes,
  });
}

export function leftOfClosedRelay(relay: Relay): string[] {
  const { transports, requests, core } = relayInternals(relay);
  const { broker, peerLimits, tokenExpiries } = waitingRooms(relay);
  return [
    ...leftAtRelay(relay),
    ...present({
      'tunnels counted': relay.stats().tunnels.active,
      transports: transports.size,
      requests: requests.size,
      connections: core.connections.size,
      parties: core.broker.parties.byConnection.size,
      endpoints: core.broker.parties.byEndpoint.size,
      watches: broker.watches.all.size,
      'peers with limits': peerLimits.peers.size,
      handshakes: peerLimits.handshakes.pending.size,
      'addresses of them': peerLimits.handshakes.countOf.size,
      'tokens that run out': tokenExpiries.byConnection.size,
    }),
  ];
}
