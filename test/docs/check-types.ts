import { resolve } from 'node:path';
import ts from 'typescript';
import type { Block } from './markdown.js';
import { scriptsOf } from './page.js';

/**
 * Strict, except for what plain JavaScript cannot say: types of parameters, and of a caught error. A block of `html` is
 * its inline scripts, with the global `trunkline`.
 */
const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  moduleDetection: ts.ModuleDetectionKind.Force,
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
  types: ['node'],
  strict: true,
  noImplicitAny: false,
  useUnknownInCatchVariables: false,
  noEmit: true,
  skipLibCheck: true,
  paths: {
    trunkline: [resolve('src/index.ts')],
    'trunkline/node': [resolve('src/sdk-node/index.ts')],
    'trunkline/relay': [resolve('relay/index.ts')],
    express: [resolve('test/docs/express-stub.ts')],
  },
};

/** One line for each type error in the blocks. */
export function typeProblems(blocks: Block[]): string[] {
  const sources = new Map(blocks.map((block, index) => [resolve(`test/docs/block-${index}.mts`), block]));
  const host = ts.createCompilerHost(OPTIONS);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => sources.has(name) || fileExists(name);
  host.readFile = (name) => sourceOf(sources.get(name)) ?? readFile(name);
  host.getSourceFile = (name, ...rest) => {
    const text = sourceOf(sources.get(name));
    return text === undefined ? getSourceFile(name, ...rest) : ts.createSourceFile(name, text, rest[0]);
  };
  const program = ts.createProgram([...sources.keys()], OPTIONS, host);
  return [...sources].flatMap(([name, block]) => {
    const source = program.getSourceFile(name);
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map((diagnostic) => `${block.file}:${lineOf(diagnostic, block)}: ${textOf(diagnostic)}`);
  });
}

function sourceOf(block: Block | undefined): string | undefined {
  if (block === undefined) return undefined;
  if (block.language !== 'html') return block.text;
  const inline = scriptsOf(block.text).map(({ code }) => code);
  return `declare const trunkline: typeof import('trunkline');${inline.join('\n')}`;
}

function lineOf(diagnostic: ts.Diagnostic, block: Block): string {
  if (block.language === 'html') return `${block.line} (html)`;
  const { line } = diagnostic.file?.getLineAndCharacterOfPosition(diagnostic.start ?? 0) ?? { line: 0 };
  return String(block.line + 1 + line);
}

function textOf(diagnostic: ts.Diagnostic): string {
  return ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ');
}
