import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRelay } from '../../relay/index.js';
import { deferred } from '../support/until.js';
import type { Block } from './markdown.js';
import { Program } from './program.js';

const CACHE = '.cache';
const PATIENCE_MS = 15_000;

/**
 * Runs blocks that belong together, each as a program of its own, against one relay; the port 8080 that they name becomes
 * a free one. Returns what is wrong: a line that did not come, anything on stderr, a program that fails or does not end
 * although it closes its tunnel.
 */
export async function runBlocks(blocks: Block[], patienceMs = PATIENCE_MS): Promise<string[]> {
  const bringsServer = blocks.some(({ text }) => /'trunkline\/(relay|node)'|listen\(8080\)/.test(text));
  const server = createServer();
  const relay = createRelay().install(server);
  const port = await listen(server);
  // A block that makes its own server wants the port for itself.
  if (bringsServer) await close(server);
  mkdirSync(CACHE, { recursive: true });
  // Inside the project, so that what the blocks import by name is found.
  const folder = mkdtempSync(`${CACHE}/docs-`);
  const programs: { block: Block; program: Program }[] = [];
  const watched: Promise<string[]>[] = [];
  try {
    for (const [index, block] of blocks.entries()) {
      const program = start(block, port, folder);
      programs.push({ block, program });
      const begun = deferred();
      const problems = watch(block, program, patienceMs, begun.resolve);
      watched.push(problems);
      // The others dial at once, and only once: its first line says that it is there, unless something is wrong with it.
      if (index === 0 && bringsServer) await Promise.race([begun.promise, problems]);
    }
    return (await Promise.all(watched)).flat();
  } finally {
    await Promise.all(programs.map(({ program }) => program.stop()));
    rmSync(folder, { recursive: true });
    await relay.close();
    if (!bringsServer) await close(server);
  }
}

async function watch(block: Block, program: Program, patienceMs: number, begins: () => void): Promise<string[]> {
  const where = `${block.file}:${block.line}`;
  const expected = expectations(block);
  const endsByItself = block.text.includes('tunnel.close()');
  const isAlone = block.group === undefined;
  if (expected.length === 0 && isAlone && !endsByItself) return [`${where}: shows nothing (add //=> or a test group)`];
  try {
    for (const text of expected) {
      await program.line(text, patienceMs);
      begins();
    }
    const shown = expected.map((text) => program.lines.findIndex((line) => text.test(line)));
    if (shown.some((at, index) => index > 0 && at < (shown[index - 1] as number))) return [`${where}: out of order`];
    if (endsByItself) {
      const { code, signal } = await program.end(patienceMs);
      if (code !== 0) return [`${where}: ended with ${code ?? signal}: ${program.stderr}`];
    }
  } catch (error) {
    return [`${where}: ${(error as Error).message}`];
  }
  return program.stderr === '' ? [] : [`${where}: complains: ${program.stderr}`];
}

/** `//=> text` at the end of a line: what that line will print. */
function expectations({ text }: Block): RegExp[] {
  return [...text.matchAll(/\/\/=> (.+)$/gm)].map(([, line = '']) => new RegExp(line.replace(/[^\w ]/g, '\\$&')));
}

function start(block: Block, port: number, folder: string): Program {
  const isPage = block.language === 'html';
  const file = `${folder}/${block.line}.${isPage ? 'html' : block.language === 'ts' ? 'mts' : 'mjs'}`;
  writeFileSync(file, block.text.replace(/\b8080\b/g, String(port)));
  return isPage ? new Program('test/docs/page-runner.ts', [file, `http://localhost:${port}/`]) : new Program(file);
}

async function listen(server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, resolve));
  return (server.address() as AddressInfo).port;
}

async function close(server: ReturnType<typeof createServer>): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
