/** Variables that look like flags and are none: one that is misspelt says nothing, which may be what was to protect. */
import { oneLine } from './notices.js';

const PREFIX = 'TRUNKLINE_';
/** Kubernetes tells every pod of a Service called `trunkline` by these. */
const OF_KUBERNETES = /_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;

/** A line for each variable that no flag has. Its value may be a secret, and is in none. */
export function describeUnknownVariables(names: readonly string[], known: readonly string[]): string[] {
  return names
    .filter((name) => name.startsWith(PREFIX) && !known.includes(name) && !OF_KUBERNETES.test(name))
    .map(
      (name) => `$${oneLine(name)} is unknown and says nothing; the nearest known one is $${nearestOf(name, known)}`,
    );
}

function nearestOf(name: string, known: readonly string[]): string {
  const distances = known.map((each) => distanceOf(name, each));
  return String(known[distances.indexOf(Math.min(...distances))]);
}

/** How many letters have to be put in or taken out: who leaves out a word is then nearer than who has another in its place. */
function distanceOf(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1];
    for (let column = 1; column <= to.length; column++) {
      const isKept = to[column - 1] === letter;
      next.push(isKept ? at(row, column - 1) : Math.min(at(row, column), at(next, column - 1)) + 1);
    }
    row = next;
  }
  return at(row, to.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
