import type { InspectedFlow, InspectedStream, RelayInspection } from '../../relay/inspection.js';
import { ageText, bytesText, countText, roundTripText } from './format.js';
import type { Rates } from './rates.js';
import type { Cell, Row } from './table.js';

const number = (text: string, style = ''): Cell => ({ text, style: style === '' ? 'number' : `number ${style}` });

export function nameRows({ at, names }: RelayInspection): Row[] {
  return names.entries.map(({ name, state, since }) => ({
    key: name,
    cells: [
      { text: name, title: name },
      state === 'held' ? { text: 'held' } : { text: 'reserved: its listener was lost', style: 'alert' },
      number(age(at, since)),
    ],
  }));
}

export function streamRows({ at, streams, tunnels }: RelayInspection): Row[] {
  const from = new Map(tunnels.entries.map((tunnel) => [tunnel.number, addressOf(tunnel.remoteAddress)]));
  const who = (tunnel: number | null): string =>
    tunnel === null ? 'gone' : [`#${tunnel}`, from.get(tunnel)].filter((part) => part !== undefined).join(' ');
  return streams.entries.map((stream, index) => {
    const { name, since, client, listener, toListener, toClient } = stream;
    const queued = toListener.queuedBytes + toClient.queuedBytes;
    return {
      key: `${client} ${listener} ${since} ${name} ${repeats(streams.entries, index)}`,
      cells: [
        { text: name ?? '(carried on)', title: name ?? 'It came from another connection; its name stayed there.' },
        flowCell(stream),
        number(bytesText(toListener.bytes)),
        number(bytesText(toClient.bytes)),
        number(bytesText(queued), queued > 0 ? '' : 'soft'),
        number(age(at, since)),
        { text: `${who(client)} → ${who(listener)}`, style: 'soft' },
      ],
    };
  });
}

/** Streams of the same two that began together. */
function repeats(streams: InspectedStream[], index: number): number {
  const { client, listener, since, name } = streams[index] as InspectedStream;
  const isSame = (other: InspectedStream) =>
    other.client === client && other.listener === listener && other.since === since && other.name === name;
  return streams.slice(0, index).filter(isSame).length;
}

function flowCell({ toListener, toClient }: InspectedStream): Cell {
  const held = [heldText(toListener, 'client', 'listener'), heldText(toClient, 'listener', 'client')];
  const texts = held.filter((text) => text !== undefined);
  const isStalled = toListener.heldBackBy === 'relay' || toClient.heldBackBy === 'relay';
  if (texts.length === 0) return { text: 'flows', style: 'soft' };
  return { text: texts.join('; '), style: isStalled ? 'alert' : '' };
}

function heldText({ heldBackBy }: InspectedFlow, source: string, sink: string): string | undefined {
  if (heldBackBy === 'relay') return `stalled: ${source} waits for the relay`;
  return heldBackBy === 'sink' ? `${sink} reads slowly` : undefined;
}

export function tunnelRows({ at, tunnels }: RelayInspection): Row[] {
  return tunnels.entries.map((tunnel) => ({
    key: String(tunnel.number),
    cells: [
      { text: `#${tunnel.number}` },
      { text: addressOf(tunnel.remoteAddress) + (tunnel.state === 'handshake' ? ' (handshake)' : '') },
      number(countText(tunnel.streams)),
      number(bytesText(tunnel.bytesReceived)),
      number(bytesText(tunnel.bytesSent)),
      number(bytesText(tunnel.queuedBytes), tunnel.queuedBytes > 0 ? '' : 'soft'),
      number(roundTripText(tunnel.roundTripMs)),
      number(countText(tunnel.refusals), tunnel.refusals > 0 ? '' : 'soft'),
      number(age(at, tunnel.since)),
      { text: tunnel.userAgent ?? '', style: 'program', title: tunnel.userAgent ?? '' },
    ],
  }));
}

/** The most frequent first. */
export function codeRows({ totals }: RelayInspection, { refusalsByCode }: Rates): Row[] {
  const { refusals, tunnelEnds } = totals as { refusals: Record<string, number>; tunnelEnds: Record<string, number> };
  const codes = [...new Set([...Object.keys(refusals), ...Object.keys(tunnelEnds)])];
  const sum = (code: string) => (refusals[code] ?? 0) + (tunnelEnds[code] ?? 0);
  return codes
    .sort((a, b) => sum(b) - sum(a) || (a < b ? -1 : 1))
    .map((code) => ({
      key: code,
      cells: [{ text: code }, counted(refusals[code]), counted(refusalsByCode[code]), counted(tunnelEnds[code])],
    }));
}

function counted(count = 0): Cell {
  return number(countText(count), count === 0 ? 'soft' : '');
}

/** A relay's own tunnel has no address. */
function addressOf(remoteAddress: string | null): string {
  return remoteAddress ?? 'this process';
}

function age(at: string, since: string): string {
  return ageText(Date.parse(at) - Date.parse(since));
}
