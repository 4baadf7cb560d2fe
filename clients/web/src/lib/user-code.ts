// The code with which a terminal asks to be let in: `BCDF-GHJK`.

const LENGTH = 8;
const HALF = LENGTH / 2;

/** A code as the server writes it, whatever way it was typed: capitals, with the hyphen in the middle. */
export function userCodeOf(text: string): string {
  const letters = text
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, "")
    .slice(0, LENGTH);
  return letters.length > HALF ? `${letters.slice(0, HALF)}-${letters.slice(HALF)}` : letters;
}

/** Whether all of a code is there. */
export function isWholeCode(code: string): boolean {
  return code.length === LENGTH + 1;
}
