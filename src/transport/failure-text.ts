/** What an error says of itself. One of several addresses that all failed has a text for each, and none of its own. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { errors, code } = error as { errors?: unknown; code?: unknown };
  if (error.message !== '') return error.message;
  if (Array.isArray(errors) && errors.length > 0) return errors.map(describeFailure).join(', ');
  return typeof code === 'string' ? code : error.name;
}
