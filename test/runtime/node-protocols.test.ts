import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, createServer as createHttpServer, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { TLSSocket, connect as tlsConnect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StreamClient } from '../../src/index.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { readSeeded, SeededChecker, seededBytes, writeSeeded } from '../support/seeded-bytes.js';

checkLeaksAfterEach();

const MIB = 1024 * 1024;

async function bodyOf(message: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of message) body += chunk;
  return body;
}

describe('HTTP over streams', () => {
  async function startHttp() {
    const fixture = await startRelay();
    const http = createHttpServer((message, response) => {
      if (message.method === 'POST') message.pipe(response);
      else response.end(`${message.method} ${message.url}`);
    });
    let connections = 0;
    await fixture.listen('WEB', (stream) => {
      connections++;
      http.emit('connection', stream);
    });
    const client = StreamClient(fixture.dial());
    return { fixture, http, client, connections: () => connections };
  }

  it('serves http.request, a server being fed by its connection event', async () => {
    const { client } = await startHttp();
    const outgoing = request({
      createConnection: () => client.connect('WEB'),
      host: 'web.example',
      path: '/hello',
    }).end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(200);
    expect(await bodyOf(response)).toBe('GET /hello');
  });

  it('streams a body of 10 MiB there and back', async () => {
    const { client } = await startHttp();
    const outgoing = request({ createConnection: () => client.connect('WEB'), method: 'POST' });
    const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
    const written = writeSeeded(outgoing, 1, 10 * MIB);
    const [response] = await answered;
    const checker = new SeededChecker(1);
    for await (const chunk of response) checker.check(chunk as Buffer);
    await written;
    expect(checker.bytes).toBe(10 * MIB);
  });

  it('keeps a stream alive in an agent: ten requests, one stream', async () => {
    const { client, connections } = await startHttp();
    class StreamAgent extends Agent {
      override createConnection(): Duplex {
        return client.connect('WEB');
      }
    }
    const agent = new StreamAgent({ keepAlive: true, maxSockets: 1 });
    for (let count = 0; count < 10; count++) {
      const outgoing = request({ agent, host: 'web.example', path: `/${count}` }).end();
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
      expect(await bodyOf(response)).toBe(`GET /${count}`);
    }
    expect(connections()).toBe(1);
    agent.destroy();
  });

  it('fails a request with the code of the stream', async () => {
    const { client } = await startHttp();
    const outgoing = request({ createConnection: () => client.connect('NOBODY') }).end();
    const [error] = (await once(outgoing, 'error')) as [Error];
    expect(error).toMatchObject({ code: 'NO_LISTENER' });
  });
});

describe('TLS over streams', () => {
  let directory: string;
  let key: Buffer;
  let cert: Buffer;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'trunkline-tls-'));
    const [keyFile, certFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const subject = ['-subj', '/CN=listener.example', '-addext', 'subjectAltName=DNS:listener.example'];
    const files = ['-keyout', keyFile, '-out', certFile];
    execFileSync('openssl', ['req', '-x509', '-days', '2', ...curve, ...subject, ...files], { stdio: 'ignore' });
    key = readFileSync(keyFile);
    cert = readFileSync(certFile);
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  it('is end to end: handshake, verified certificate, 4 MiB each way', async () => {
    const fixture = await startRelay();
    const served: Promise<unknown>[] = [];
    await fixture.listen('SECURE', (stream) => {
      const secure = new TLSSocket(stream, { isServer: true, key, cert });
      served.push(Promise.all([readSeeded(secure, 1), writeSeeded(secure, 2, 4 * MIB)]));
    });
    const stream = StreamClient(fixture.dial()).connect('SECURE');
    const secure = tlsConnect({ socket: stream, servername: 'listener.example', ca: cert });
    await once(secure, 'secureConnect');
    expect(secure.authorized).toBe(true);
    const [reply] = await Promise.all([readSeeded(secure, 2), writeSeeded(secure, 1, 4 * MIB)]);
    expect(reply.bytes).toBe(4 * MIB);
    const [[request]] = (await Promise.all(served)) as [[{ bytes: number }]];
    expect(request.bytes).toBe(4 * MIB);
  });

  it('ends with an error when the listener goes away', async () => {
    const fixture = await startRelay();
    const server = fixture.dial();
    const { client, server: accepted } = await fixture.pair('SECURE', { server });
    const far = new TLSSocket(accepted, { isServer: true, key, cert });
    far.on('error', () => {});
    const secure = tlsConnect({ socket: client, servername: 'listener.example', ca: cert });
    await once(secure, 'secureConnect');
    const failed = once(secure, 'error') as Promise<[Error]>;
    secure.write(seededBytes(1, 0, 1000));
    server.close();
    const [error] = await failed;
    expect(error).toMatchObject({ code: 'LISTENER_GONE' });
  });
});
