// Comma-separated values (RFC 4180), as spreadsheets open them.

/**
 * One cell. A spreadsheet runs a cell that begins like a formula, and what stands in an audit event, a user agent for
 * instance, is written by whoever calls: such a cell gets an apostrophe before it, which spreadsheets do not show.
 */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** One line, with its end. */
export function csvLine(cells: readonly string[]): string {
  return `${cells.map(cell).join(",")}\r\n`;
}
