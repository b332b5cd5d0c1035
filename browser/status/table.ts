/** One cell: its text, and the classes that say how it looks. Nothing is said by looks alone. */
export interface Cell {
  text: string;
  style?: string;
  /** What does not fit, for whoever points at it. */
  title?: string;
}

export interface Row {
  /** What tells it from the others, from one snapshot to the next. */
  key: string;
  cells: [head: Cell, ...rest: Cell[]];
}

/**
 * Brings the rows of a table up to date, and touches nothing that is as it was: a text that somebody has selected stays
 * selected. Whatever peers can write comes in as text, and never as markup.
 */
export class TableBody {
  private readonly rows = new Map<string, HTMLTableRowElement>();

  constructor(private readonly body: HTMLElement) {}

  show(rows: readonly Row[]): void {
    const keys = new Set(rows.map(({ key }) => key));
    for (const [key, element] of this.rows) {
      if (keys.has(key)) continue;
      element.remove();
      this.rows.delete(key);
    }
    for (const [index, row] of rows.entries()) {
      const element = this.rows.get(row.key) ?? this.add(row);
      for (const [column, cell] of row.cells.entries()) showCell(element.children[column] as HTMLElement, cell);
      if (this.body.children[index] !== element) this.body.insertBefore(element, this.body.children[index] ?? null);
    }
  }

  private add({ key, cells }: Row): HTMLTableRowElement {
    const element = document.createElement('tr');
    cells.forEach((_, column) => {
      const cell = document.createElement(column === 0 ? 'th' : 'td');
      if (column === 0) cell.setAttribute('scope', 'row');
      element.append(cell);
    });
    this.rows.set(key, element);
    return element;
  }
}

function showCell(element: HTMLElement, { text, style = '', title = '' }: Cell): void {
  if (element.textContent !== text) element.textContent = text;
  if (element.className !== style) element.className = style;
  if (element.title !== title) element.title = title;
}
