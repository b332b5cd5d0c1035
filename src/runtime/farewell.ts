import { FAREWELL_PATH } from '../protocol/constants.js';

/**
 * Tells a relay by HTTP that this endpoint has left for good (PROTOCOL.md section 10). A page that goes while data moves
 * takes with it what its WebSocket still holds, GOAWAY included; a beacon outlives the page. Where there are no beacons
 * (Node), nothing has to be done: there a last message is on its way before the process ends.
 */
export function sendFarewell(webSocketUrl: string, endpoint: string): void {
  if (typeof navigator === 'undefined' || typeof navigator.sendBeacon !== 'function') return;
  const url = new URL(webSocketUrl);
  url.protocol = url.protocol === 'wss:' ? 'https:' : 'http:';
  url.pathname = url.pathname.replace(/\/$/, '') + FAREWELL_PATH;
  navigator.sendBeacon(url, endpoint);
}
