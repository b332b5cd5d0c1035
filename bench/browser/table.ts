import { formatTable } from '../report.js';
import type { BrowserRow } from './rows.js';

export function formatRows(rows: readonly BrowserRow[]): string {
  return formatTable(rows.map((row) => ({ ...row, scenario: row.title })));
}
