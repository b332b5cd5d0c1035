/** The image and the service, as far as they can be checked without Docker and a system to install on. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { interpret } from '../../cli/main.js';
import { relayCommand } from '../../cli/relay.js';
import { listenOnFreePort } from '../support/free-port.js';
import { checkLeaksAfterEach } from '../support/leak-check.js';
import { startRelay } from '../support/relay-fixture.js';
import { adapt, CADDY_SNIPPET, NGINX_SNIPPET, snippetOf } from './snippets.js';

checkLeaksAfterEach();

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));

/** Instructions, with lines that go on put together; comments are none. */
function instructionsOf(file: string): { name: string; text: string }[] {
  const lines = readFileSync(file, 'utf8')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  return lines.flatMap((line) => {
    const [, name, text] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
    return name === undefined || text === undefined ? [] : [{ name, text }];
  });
}

describe('the Dockerfile', () => {
  const instructions = instructionsOf('Dockerfile');
  const last = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'));
  const texts = (name: string, among = last) => among.filter((one) => one.name === name).map(({ text }) => text);
  const list = (name: string): string[] => JSON.parse(texts(name)[0] as string);

  test('names its base by an exact version that the package runs on, for each stage', () => {
    expect(texts('ARG', instructions)).toEqual([expect.stringMatching(/^NODE=node:\d+\.\d+\.\d+-(alpine|slim)$/)]);
    const [major, minor] = (/node:(\d+)\.(\d+)/.exec(String(texts('ARG', instructions))) ?? []).slice(1).map(Number);
    const [lowestMajor, lowestMinor] = manifest.engines.node.slice(2).split('.').map(Number);
    expect(Number(major) * 1000 + Number(minor)).toBeGreaterThanOrEqual(lowestMajor * 1000 + lowestMinor);
    const stages = texts('FROM', instructions);
    expect(stages).toHaveLength(3);
    expect(stages.filter((stage) => !/^\$\{NODE\}( AS \w+)?$/.test(stage))).toEqual([]);
  });

  test('runs the command of the package, not as root', () => {
    expect(list('ENTRYPOINT')).toEqual(['node', manifest.bin.trunkline.replace('./', '')]);
    expect(interpret(list('CMD')).kind).toBe('run');
    expect(texts('USER')).toEqual([expect.stringMatching(/^[1-9]\d*:[1-9]\d*$/)]);
    expect(texts('EXPOSE')).toEqual(['8080']);
    expect(texts('STOPSIGNAL')).toEqual(['SIGTERM']);
  });

  test('has in it what is published and runs, and nothing of the build', () => {
    expect(texts('RUN')).toEqual([]);
    expect(texts('COPY')).toEqual([
      '--from=dependencies /app/node_modules ./node_modules',
      '--from=build /source/package ./',
    ]);
    const installs = texts('RUN', instructions).filter((text) => text.startsWith('npm ci'));
    expect(installs).toEqual([expect.not.stringContaining('--omit=dev'), expect.stringContaining('--omit=dev')]);
  });

  test('sets variables that the relay knows', () => {
    const named =
      texts('ENV')
        .join(' ')
        .match(/TRUNKLINE_\w+/g) ?? [];
    const known = Object.values(relayCommand.flags).map(({ env }) => env);
    expect(named.length).toBeGreaterThan(2);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });

  test('is told of the health of its relay', async () => {
    const [program = '', ...args] = JSON.parse(/CMD (.+)$/.exec(texts('HEALTHCHECK')[0] as string)?.[1] as string);
    const check = (port: string, path: string) => run(program, args, { TRUNKLINE_PORT: port, TRUNKLINE_PATH: path });
    const { url } = await startRelay();
    const { port } = new URL(url);
    expect(await check(port, '/trunkline')).toBe(0);
    expect(await check(port, '/trunkline/')).toBe(0);
    expect(await check('1', '/trunkline')).toBe(1);
    const other = createServer((_request, response) => response.writeHead(404).end());
    expect(await check(String(await listenOnFreePort(other)), '/trunkline')).toBe(1);
    await once(other.close(), 'close');
  });

  test('gets all that the build reads, and no more', async () => {
    const allowed = readFileSync('.dockerignore', 'utf8')
      .split('\n')
      .filter((line) => line !== '' && line[0] !== '#');
    expect(allowed.shift()).toBe('*');
    const isAllowed = (path: string) =>
      allowed.some((line) => new RegExp(`^!${path.split('/')[0]?.replaceAll('.', '\\.')}$`).test(line)) ||
      (/^esbuild\.\w+\.ts$/.test(path) && allowed.includes('!esbuild.*.ts'));
    const { metafile } = await build({
      entryPoints: ['esbuild.config.ts'],
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      metafile: true,
      write: false,
      logLevel: 'silent',
    });
    const named = texts('COPY', instructions).flatMap((text) =>
      text.startsWith('--from') ? [] : text.split(' ').slice(0, -1),
    );
    const read = [
      ...Object.keys(metafile.inputs),
      ...named.filter((path) => path !== '.'),
      'src/index.ts',
      'tsconfig.json',
    ];
    expect(read.length).toBeGreaterThan(6);
    expect(read.filter((path) => !isAllowed(path))).toEqual([]);
    expect(['.git/config', '.env', 'secret', 'node_modules/ws/index.js', 'test/x.ts'].filter(isAllowed)).toEqual([]);
    expect(allowed.filter((line) => !line.includes('*') && !existsSync(line.slice(1)))).toEqual([]);
  });
});

async function run(program: string, args: string[], env: Record<string, string>): Promise<number | null> {
  const child = spawn(program, args, { env: { PATH: process.env.PATH, ...env }, stdio: 'ignore' });
  const [code] = await once(child, 'close');
  return code;
}

describe('the systemd unit', () => {
  const unit = readFileSync('deploy/trunkline.service', 'utf8');

  test('gives the process no rights that it does not need', () => {
    const wanted = ['DynamicUser=yes', 'NoNewPrivileges=yes', 'ProtectSystem=strict', 'CapabilityBoundingSet='];
    expect(unit.split('\n')).toEqual(expect.arrayContaining([...wanted, 'EnvironmentFile=/etc/trunkline.env']));
    // Node would not start with it.
    expect(unit).not.toMatch(/^MemoryDenyWriteExecute=/m);
  });

  test('runs the command of the package, and lets it drain', () => {
    const [, command = ''] = /^ExecStart=\S+ (.+)$/m.exec(unit) ?? [];
    const [file = '', ...args] = command.split(' ');
    expect(file).toMatch(new RegExp(`/node_modules/trunkline/${manifest.bin.trunkline.replace('./', '')}$`));
    expect(interpret(args).kind).toBe('run');
    const [, seconds] = /^TimeoutStopSec=(\d+)$/m.exec(unit) ?? [];
    expect(Number(seconds)).toBeGreaterThan(Number(relayCommand.flags.grace?.default));
    expect(unit).toMatch(/^KillSignal=SIGTERM$/m);
    expect(unit).toMatch(/^RestartPreventExitStatus=2$/m);
  });

  const isHere = spawnSync('systemd-analyze', ['--version']).error === undefined;
  test.runIf(isHere)('is one that systemd understands', () => {
    const folder = mkdtempSync(join(tmpdir(), 'trunkline-unit-'));
    try {
      const file = join(folder, 'trunkline.service');
      writeFileSync(file, adapt(unit, { '/usr/bin/node': process.execPath }));
      const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
      expect({ status, said: `${stdout}${stderr}` }).toEqual({ status: 0, said: '' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test('the configurations of docs/deploy.md are those in deploy', () => {
  expect(readFileSync('deploy/nginx.conf', 'utf8')).toBe(snippetOf(NGINX_SNIPPET));
  expect(readFileSync('deploy/Caddyfile', 'utf8')).toBe(snippetOf(CADDY_SNIPPET));
});
