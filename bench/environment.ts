import { createRequire } from 'node:module';
import { cpus } from 'node:os';

export interface Environment {
  node: string;
  cores: number;
  platform: string;
  masking: string;
  /** Where one took part. */
  browser?: string;
}

export function describeEnvironment(): Environment {
  return {
    node: `Node ${process.version}`,
    cores: cpus().length,
    platform: `${process.platform} ${process.arch}`,
    masking: masking(),
  };
}

export function formatEnvironment({ node, cores, platform, masking, browser }: Environment): string {
  return [node, `${cores} cores`, platform, masking, ...(browser === undefined ? [] : [browser])].join(', ');
}

/** Without the addon `ws` masks in JavaScript, and that is then most of what is measured, on both sides. */
function masking(): string {
  try {
    createRequire(import.meta.url)('bufferutil');
    return 'bufferutil installed';
  } catch {
    return 'bufferutil missing: masking in JavaScript';
  }
}
