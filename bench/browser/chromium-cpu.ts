import { readdirSync, readFileSync } from 'node:fs';

/** The unit of /proc/PID/stat on every Linux that Node runs on. */
const TICK_MS = 10;

export interface ChromiumCpuMs {
  /** All renderer processes: the measured page's, and an idle one of the tab in front. */
  renderer: number;
  /** The rest: the browser process, the network service that owns the sockets, helpers. */
  rest: number;
}

interface ProcessStat {
  pid: number;
  parent: number;
  cpuMs: number;
}

/** CPU time that this Chromium and its descendants have used so far; undefined where there is no /proc. */
export function chromiumCpuMs(pid: number): ChromiumCpuMs | undefined {
  if (process.platform !== 'linux') return undefined;
  const sum = { renderer: 0, rest: 0 };
  for (const stat of descendants(pid)) sum[isRenderer(stat.pid) ? 'renderer' : 'rest'] += stat.cpuMs;
  return sum;
}

function descendants(root: number): ProcessStat[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter((stat) => stat !== undefined);
  const found = all.filter(({ pid }) => pid === root);
  for (const { pid } of found) found.push(...all.filter(({ parent }) => parent === pid));
  return found;
}

function readStat(pid: number): ProcessStat | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The second field is the program's name in parentheses and may hold spaces; the third is the state.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [parent, user, system] = [fields[1], fields[11], fields[12]].map(Number) as [number, number, number];
  return { pid, parent, cpuMs: (user + system) * TICK_MS };
}

function isRenderer(pid: number): boolean {
  return read(`/proc/${pid}/cmdline`)?.includes('--type=renderer') ?? false;
}

/** Undefined: the process has ended meanwhile. */
function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
