import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { protocolText, root } from './document.js';
import { loadVectors } from './vectors.js';

const { vectors, tests } = loadVectors();
const rules = [...protocolText.matchAll(/^- \*\*(R\d+)\*\* (.*)$/gm)].map(([, number = '', text = '']) => ({
  number,
  text,
}));
const numbers = rules.map(({ number }) => number);

function sourceFiles(): string[] {
  return ['src', 'relay'].flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => `${folder}/${path}`),
  );
}

test('every number from 1 is given once, and none is ever given again', () => {
  const inOrder = numbers.toSorted((left, right) => Number(left.slice(1)) - Number(right.slice(1)));
  expect(inOrder).toEqual(numbers.map((_, index) => `R${index + 1}`));
});

test('rules are one sentence each with MUST, and MUST is nowhere else', () => {
  for (const { number, text } of rules) {
    expect(text, number).toMatch(/\bMUST\b/);
    expect(text.endsWith('.'), number).toBe(true);
    expect(text, number).not.toMatch(/\. [A-Z]/);
  }
  const elsewhere = protocolText.split('\n').filter((line) => /\bMUST\b/.test(line) && !line.startsWith('- **R'));
  expect(elsewhere).toEqual([
    '"MUST" is used in numbered rules only. All integers are big-endian and unsigned. All text is UTF-8. "KiB" is 1,024 bytes.',
  ]);
});

test('every rule has a vector, or a named test that speaks of it', () => {
  const shown = new Set(vectors.flatMap((vector) => vector.rules));
  expect(numbers.filter((number) => !shown.has(number) && !(number in tests))).toEqual([]);
  for (const [number, file] of Object.entries(tests)) {
    const path = new URL(file, root);
    expect(existsSync(path), file).toBe(true);
    expect(readFileSync(path, 'utf8'), `${file} for ${number}`).toMatch(new RegExp(`\\b${number}\\b`));
  }
});

test('what vectors and named tests cite are rules', () => {
  const cited = [...vectors.flatMap((vector) => vector.rules), ...Object.keys(tests)];
  expect(cited.filter((number) => !numbers.includes(number))).toEqual([]);
});

test('what the sources and PROTOCOL.md itself cite are rules', () => {
  const files = [...sourceFiles(), 'src/protocol/PROTOCOL.md'];
  const dangling = files.flatMap((file) => {
    const text = readFileSync(new URL(file, root), 'utf8');
    const cited = [...text.matchAll(/\bR[1-9]\d*\b/g)].map(([number]) => number);
    return cited.filter((number) => !numbers.includes(number)).map((number) => `${file}: ${number}`);
  });
  expect(dangling).toEqual([]);
  expect(files.length).toBeGreaterThan(20);
});
