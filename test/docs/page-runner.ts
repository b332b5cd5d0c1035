/**
 * Runs a page's scripts without a browser, in a process of its own: `page-runner.ts FILE.html URL_OF_THE_PAGE`. The
 * script bundle is built from the sources. What a page would show is printed: `#id: text`. A line on standard input
 * submits its form. The real browser is the business of e2e.
 */
import { readFileSync } from 'node:fs';
import { runInThisContext } from 'node:vm';
import { build } from 'esbuild';
import { WebSocket as NodeWebSocket } from 'ws';
import { forPages } from '../../esbuild.page.js';
import { scriptsOf } from './page.js';

const [file = '', address = ''] = process.argv.slice(2);

/** A browser's: no `terminate`, and no callback of `send`. */
class PageWebSocket extends NodeWebSocket {
  override send(data: Uint8Array): void {
    super.send(data);
  }
}
Object.defineProperty(PageWebSocket.prototype, 'terminate', { value: undefined });

class PageElement {
  private text = '';
  value = 'hello';
  private readonly listeners: ((event: object) => void)[] = [];

  constructor(private id: string) {}

  get textContent(): string {
    return this.text;
  }

  set textContent(text: string) {
    this.text = text;
    console.log(`#${this.id}: ${text}`);
  }

  append(child: PageElement): void {
    child.id = this.id;
  }

  addEventListener(_type: 'submit', listener: (event: object) => void): void {
    this.listeners.push(listener);
  }

  submit(): void {
    for (const listener of this.listeners) listener({ preventDefault() {} });
  }
}

const elements = new Map<string, PageElement>();
const html = readFileSync(file, 'utf8');
for (const [, id = ''] of html.matchAll(/ id="([^"]+)"/g)) elements.set(id, new PageElement(id));

const browser: Record<string, unknown> = {
  window: globalThis,
  location: new URL(address),
  WebSocket: PageWebSocket,
  document: {
    // As in a page: null for what is not there.
    getElementById: (id: string) => elements.get(id) ?? null,
    createElement: (name: string) => new PageElement(name),
  },
};
for (const [name, value] of Object.entries(browser)) {
  Object.defineProperty(globalThis, name, { value, configurable: true });
}

for (const { src, code } of scriptsOf(html)) {
  if (src !== undefined) checkSource(new URL(src, address));
  runInThisContext(src === undefined ? code : await scriptBundle(), { filename: src ?? file });
}
process.stdin.on('data', () => {
  for (const element of elements.values()) element.submit();
});

function checkSource(source: URL): void {
  if (source.host === new URL(address).host && source.pathname === '/trunkline/trunkline.js') return;
  throw new Error(`the relay serves no script at ${source}`);
}

async function scriptBundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: ['browser/global.ts'],
    bundle: true,
    write: false,
    target: 'es2022',
    format: 'iife',
    globalName: 'trunkline',
    ...forPages,
  });
  // `const` at the top of a page's script is seen by the next one; and so is this.
  return outputFiles[0]?.text ?? '';
}
