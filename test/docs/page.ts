/** A page's scripts, in order: those with a `src`, and inline ones. */
export function scriptsOf(html: string): { src: string | undefined; code: string }[] {
  const found = html.matchAll(/<script(?: src="([^"]*)")?>([\s\S]*?)<\/script>/g);
  return [...found].map(([, src, code = '']) => ({ src, code }));
}
