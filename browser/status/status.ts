/** The relay's status page: asks for a snapshot every two seconds and shows it. */
import type { Listing, RelayInspection } from '../../relay/inspection.js';
import { ageText, bytesPerSecondText, bytesText, countText, rateText } from './format.js';
import { type Answer, Poll } from './poll.js';
import { RateMeter, type Rates } from './rates.js';
import { codeRows, nameRows, streamRows, tunnelRows } from './rows.js';
import { drawLine } from './sparkline.js';
import { TableBody } from './table.js';

const element = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;
const [names, streams, tunnels, codes] = ['names', 'streams', 'tunnels', 'codes'].map(
  (what) => new TableBody(element(`${what}-rows`)),
) as [TableBody, TableBody, TableBody, TableBody];
const main = element('main');
const form = element('sign-in') as HTMLFormElement;
const token = element('token') as HTMLInputElement;

/** In a minute. A few are every relay's daily bread. */
const MANY_REFUSALS = 60;

const meter = new RateMeter();
const poll = new Poll('status.json', show);
let wasSignedIn = false;

form.addEventListener('submit', (event) => {
  event.preventDefault();
  wasSignedIn = true;
  poll.signIn(token.value.trim());
  token.value = '';
});
document.addEventListener('visibilitychange', () => {
  if (document.hidden) showState('paused');
});
poll.askSoon();

function show(answer: Answer): void {
  form.hidden = answer.kind !== 'locked';
  main.classList.toggle('stale', answer.kind === 'failed');
  if (answer.kind === 'locked') return showLocked(answer.why);
  if (answer.kind === 'failed') return showFailure(answer.why);
  showNotice(undefined);
  main.hidden = false;
  showSnapshot(answer.snapshot, meter.take(answer.snapshot));
}

function showLocked(why: string): void {
  showState('locked');
  showNotice(undefined);
  main.hidden = true;
  showText('when', '');
  // The first answer is no reproach: nobody has said anything yet.
  showText('sign-in-why', wasSignedIn ? why : 'Show a token that allows to watch *.');
  token.focus();
}

function showFailure(why: string): void {
  showState('unreachable');
  const beside = main.hidden ? '' : ' What is below is what it said last.';
  showNotice(`There is no news of the relay: ${why}. It is asked again every two seconds.${beside}`);
}

function showSnapshot(snapshot: RelayInspection, rates: Rates): void {
  const { at, startedAt, state } = snapshot;
  showState(state);
  const time = new Date(at).toLocaleTimeString('en-GB');
  showText('when', `up ${ageText(Date.parse(at) - Date.parse(startedAt))}, as of ${time}`);
  showTiles(snapshot, rates);
  names.show(nameRows(snapshot));
  streams.show(streamRows(snapshot));
  tunnels.show(tunnelRows(snapshot));
  const rows = codeRows(snapshot, rates);
  codes.show(rows);
  showRest('names', snapshot.names, 'Nobody listens.');
  showRest('streams', snapshot.streams, 'Nothing is joined.');
  showRest('tunnels', snapshot.tunnels, 'Nobody is connected.');
  showText('codes-rest', rows.length === 0 ? 'Nothing was refused, and no tunnel has ended.' : '');
}

function showTiles(snapshot: RelayInspection, rates: Rates): void {
  const { totals, queuedBytes } = snapshot;
  showText('names-figure', countText(totals.names.active));
  showText('names-beside', totals.names.reserved > 0 ? `${countText(totals.names.reserved)} reserved` : 'all held');
  showText('tunnels-figure', countText(totals.tunnels.active));
  showText('tunnels-beside', `${countText(totals.tunnels.opened)} in all`);
  showText('streams-figure', countText(totals.splices.active));
  const pending = totals.connects.pending + totals.resumes.pending;
  showText('streams-beside', `${rateText(rates.connectsPerSecond)}/s new, ${countText(pending)} pending`);
  showText('payload-figure', bytesPerSecondText(rates.passedBytesPerSecond));
  showText('payload-beside', `${bytesText(totals.bytes.passed)} in all, ${bytesText(queuedBytes)} queued`);
  drawLine(element('payload-line'), rates.line);
  showText('stalls-figure', countText(totals.stalls.active));
  showText('stalls-beside', `${countText(rates.stallsPerMinute)} ${span(rates)}`);
  element('stalls-tile').classList.toggle('alert', totals.stalls.active > 0);
  const refusals = Object.values(rates.refusalsByCode).reduce((sum, count) => sum + count, 0);
  const all = Object.values(totals.refusals).reduce((sum, count) => sum + count, 0);
  showText('refusals-figure', countText(refusals));
  showText('refusals-beside', `${span(rates)}, ${countText(all)} in all`);
  element('refusals-tile').classList.toggle('alert', refusals > MANY_REFUSALS);
}

function span({ minuteMs }: Rates): string {
  return `in ${minuteMs >= 59_000 ? '1 min' : ageText(minuteMs)}`;
}

function showRest(what: string, { total, omitted }: Listing<unknown>, ifNone: string): void {
  const more = omitted > 0 ? `and ${countText(omitted)} more` : '';
  showText(`${what}-rest`, total === 0 ? ifNone : more);
}

function showState(state: string): void {
  element('state').dataset.state = state;
  showText('state', state);
}

function showNotice(text: string | undefined): void {
  element('notice').hidden = text === undefined;
  showText('notice', text ?? '');
}

function showText(id: string, text: string): void {
  const target = element(id);
  if (target.textContent !== text) target.textContent = text;
}
