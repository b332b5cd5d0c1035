import { readFile } from 'node:fs/promises';
import { SourceMap, type SourceMapping } from 'node:module';
import { TRUNKLINE_SCRIPT } from './page-script.js';

/** What `Profiler.stop` of the Chrome DevTools Protocol returns. */
export interface Profile {
  nodes: ProfileNode[];
  samples: number[];
  timeDeltas: number[];
}

interface ProfileNode {
  id: number;
  callFrame: { functionName: string; url: string; lineNumber: number; columnNumber: number };
  children?: number[];
}

export interface FunctionShare {
  /** As the sources call it. */
  name: string;
  /** Milliseconds in itself, and with all that it called. */
  self: number;
  total: number;
}

export interface ProfileShares {
  /** Milliseconds from start to stop, and those of them in which the page's thread was busy. */
  all: number;
  busy: number;
  functions: FunctionShare[];
}

const LEAST_SELF_SHARE = 0.005;
const LEAST_TOTAL_SHARE = 0.05;
/** `(program)` stays: it is the browser's own work in the page's thread. */
const IDLE = '(idle)';
const ROOT = '(root)';

export async function toShares({ nodes, samples, timeDeltas }: Profile): Promise<ProfileShares> {
  const selfById = new Map<number, number>();
  for (const [index, id] of samples.entries()) selfById.set(id, (selfById.get(id) ?? 0) + (timeDeltas[index] ?? 0));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const nameOf = await sourceNames(nodes);
  const times = new Map<string, { self: number; total: number }>();
  const visit = (node: ProfileNode, callers: readonly string[]): number => {
    const name = nameOf(node);
    const time = times.get(name) ?? { self: 0, total: 0 };
    times.set(name, time);
    const self = selfById.get(node.id) ?? 0;
    const below = (node.children ?? []).map((id) => visit(byId.get(id) as ProfileNode, [...callers, name]));
    const total = below.reduce((sum, each) => sum + each, self);
    time.self += self;
    // A function that calls itself is not to be counted twice.
    if (!callers.includes(name)) time.total += total;
    return total;
  };
  const all = visit(nodes[0] as ProfileNode, []);
  const busy = all - (times.get(IDLE)?.self ?? 0);
  const functions = [...times]
    .filter(([name]) => name !== IDLE && name !== ROOT)
    .map(([name, { self, total }]) => ({ name, self: self / 1000, total: total / 1000 }));
  return { all: all / 1000, busy: busy / 1000, functions: functions.toSorted((a, b) => b.self - a.self) };
}

/** @param mebibytes what was moved meanwhile */
export function formatShares({ all, busy, functions }: ProfileShares, mebibytes: number): string {
  const share = (ms: number) => `${((ms / busy) * 100).toFixed(1)} %`.padStart(7);
  const each = (ms: number) => (ms / mebibytes).toFixed(3).padStart(7);
  const lines = functions
    .filter(({ self, total }) => self >= LEAST_SELF_SHARE * busy || total >= LEAST_TOTAL_SHARE * busy)
    .map(({ name, self, total }) => `${share(self)} ${share(total)} ${each(self)}  ${name}`);
  const head = `busy ${((busy / all) * 100).toFixed(0)} % of the time, ${each(busy).trim()} ms/MiB; of that:`;
  return [head, '   self   total  ms/MiB', ...lines].join('\n');
}

/** Names of functions in the sources, for those that the build has shortened. */
async function sourceNames(nodes: readonly ProfileNode[]): Promise<(node: ProfileNode) => string> {
  const map = new SourceMap(JSON.parse(await readFile(`${TRUNKLINE_SCRIPT}.map`, 'utf8')));
  const { sources, sourcesContent } = map.payload;
  const contents = new Map(sources.map((source, index) => [source, sourcesContent[index]?.split('\n')]));
  const names = new Map<number, string>();
  for (const { id, callFrame } of nodes) {
    const { functionName, url, lineNumber, columnNumber } = callFrame;
    const entry = url.endsWith('/trunkline.js') ? map.findEntry(lineNumber, columnNumber) : {};
    names.set(id, isMapped(entry) ? describe(entry) : plain(functionName, url));
  }
  return ({ id }) => names.get(id) as string;

  function describe({ originalSource, originalLine }: SourceMapping): string {
    const line = contents.get(originalSource)?.[originalLine]?.trim() ?? '';
    const file = originalSource.replace(/^(\.\.\/)+/, '');
    return `${file}:${originalLine + 1}  ${line.slice(0, 80)}`;
  }
}

/** Node's types say `{}` for a place that the map does not know. */
function isMapped(entry: object): entry is SourceMapping {
  return 'originalSource' in entry;
}

function plain(functionName: string, url: string): string {
  const where = url.endsWith('/page.js') ? 'benchmark' : url;
  return `${functionName || '(anonymous)'}${where === '' ? '' : `  ${where}`}`;
}
