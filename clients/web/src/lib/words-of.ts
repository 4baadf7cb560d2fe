/** The words of a text, each once: between blanks, lines, commas or semicolons. */
export function wordsOf(text: string): string[] {
  return [...new Set(text.split(/[\s,;]+/).filter(Boolean))];
}
