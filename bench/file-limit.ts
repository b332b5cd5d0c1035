import { execFileSync } from 'node:child_process';

/** Modules, pipes, and what else a process has open besides its connections. */
const SPARE = 200;

/** @throws Error in words for the command line, if a process that inherits our limit cannot hold so many sockets */
export function requireOpenFiles(sockets: number, limit = openFileLimit()): void {
  const needed = sockets + SPARE;
  if (limit >= needed) return;
  throw new Error(
    `this opens up to ${needed} files in one process, and the limit is ${limit}: run \`ulimit -n ${needed}\` first`,
  );
}

/** Of a process that we start. */
function openFileLimit(): number {
  const answer = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
  return answer === 'unlimited' ? Number.POSITIVE_INFINITY : Number(answer);
}
