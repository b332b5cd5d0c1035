import { readDocument } from '../docs/documents.js';

/** A block of docs/deploy.md, by its first line. */
export function snippetOf(firstLine: string): string {
  const found = readDocument('docs/deploy.md').blocks.filter(({ text }) => text.startsWith(`${firstLine}\n`));
  const [block] = found;
  if (block === undefined || found.length > 1) throw new Error(`docs/deploy.md has ${found.length} of "${firstLine}"`);
  return block.text;
}

/** Puts what is true here in the place of what is an example there; each has to be found. */
export function adapt(text: string, changes: Readonly<Record<string, string>>): string {
  return Object.entries(changes).reduce((adapted, [from, to]) => {
    if (!adapted.includes(from)) throw new Error(`the snippet has no "${from}"`);
    return adapted.replaceAll(from, to);
  }, text);
}

export const NGINX_SNIPPET = '# /etc/nginx/conf.d/trunkline.conf';
export const CADDY_SNIPPET = '# /etc/caddy/Caddyfile';
