import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';

checkLeaksAfterEach();

const built = fileURLToPath(new URL('../../dist/trunkline.js', import.meta.url));

async function start(): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
  const { url } = await startRelay();
  return (path, init) => fetch(`${url.replace('ws:', 'http:')}${path}`, { ...init, headers: { Connection: 'close' } });
}

describe('the script at <path>/trunkline.js', () => {
  it('is served as it was built, or says how to build it', async () => {
    const ask = await start();
    const response = await ask('/trunkline.js');
    const text = await response.text();
    if (existsSync(built)) {
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
      expect(response.headers.get('cache-control')).toBe('no-cache');
      expect(text).toBe(readFileSync(built, 'utf8'));
    } else {
      expect(response.status).toBe(404);
      expect(text).toContain('npm run build');
    }
  });

  it('answers HEAD with the same headers and no body, also with a query', async () => {
    const ask = await start();
    const [head, get] = [await ask('/trunkline.js?v=2', { method: 'HEAD' }), await ask('/trunkline.js?v=2')];
    expect(head.status).toBe(get.status);
    expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'));
    expect(await head.text()).toBe('');
    await get.text();
  });

  it.each(['POST', 'PUT', 'DELETE'])('answers %s with 405 and what is allowed', async (method) => {
    const ask = await start();
    const response = await ask('/trunkline.js', { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
    await response.text();
  });
});
