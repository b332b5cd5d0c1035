/** What a figure should be; kept beside the figure, so that a table can say whether it is. */
export interface Goal {
  /** Of Trunkline's own figure, or of its ratio to raw ws. */
  of: 'value' | 'ratio';
  bound: 'at least' | 'at most';
  limit: number;
}

export const ratioAtLeast = (limit: number): Goal => ({ of: 'ratio', bound: 'at least', limit });
export const ratioAtMost = (limit: number): Goal => ({ of: 'ratio', bound: 'at most', limit });
export const valueAtLeast = (limit: number): Goal => ({ of: 'value', bound: 'at least', limit });
export const valueAtMost = (limit: number): Goal => ({ of: 'value', bound: 'at most', limit });

export function isMet({ of, bound, limit }: Goal, figures: { value: number; ratio: number }): boolean {
  return bound === 'at least' ? figures[of] >= limit : figures[of] <= limit;
}

export function formatGoal({ of, bound, limit }: Goal, unit: string): string {
  const suffix = of === 'ratio' || unit === 'x' ? 'x' : ` ${unit}`;
  return `${bound === 'at least' ? '>=' : '<='} ${limit}${suffix}`.trimEnd();
}
