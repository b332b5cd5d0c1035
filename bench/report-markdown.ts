/** Puts what `npm run bench` measured into docs/performance.md, between its marks. Run by `npm run bench:page`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fillSections, toSections } from './markdown.js';
import { GROWTH_FILE, readResults, TABLE_FILE } from './results.js';

const PAGE = 'docs/performance.md';

const sections = toSections(readResults(TABLE_FILE, 'table'), readResults(GROWTH_FILE, 'growth'));
writeFileSync(PAGE, fillSections(readFileSync(PAGE, 'utf8'), sections));
