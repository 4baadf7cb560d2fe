// What a password must be, in the server's rules (R008), told while one types. The server decides.

/** Fewest characters. */
export const MIN_CHARACTERS = 12;

/** Most bytes. */
export const MAX_BYTES = 1024;

/** The characters that count as special where the organization asks for character classes. */
export const SPECIAL = "!@#$%^&*()_+-=[]{};:,.<>?";

/** A username or the local part of an address shorter than this is in many good passwords by chance. */
const MIN_PERSONAL = 3;

/** The lowest of the five scores (0 to 4) that is accepted. */
export const MIN_SCORE = 3;

export interface Person {
  username?: string | undefined;
  email?: string | undefined;
}

/** One rule, and whether it is met; `undefined` where only the server can tell, or cannot yet be told. */
export interface Rule {
  text: string;
  met: boolean | undefined;
}

/** What of a person a password must not contain, in lower case. */
export function personalParts({ username = "", email = "" }: Person): string[] {
  return [username, email, email.split("@")[0] ?? ""]
    .filter((part) => [...part].length >= MIN_PERSONAL)
    .map((part) => part.toLowerCase());
}

/** How hard a password is to guess. */
export interface Strength {
  /** 0 to 4. */
  score: number;
  /** What makes it easy to guess, where something does. */
  warning: string;
}

/** Every rule at once. `classes`: the organization asks for character classes; `strength`: `undefined` until it is known. */
export function passwordRules(
  password: string,
  person: Person,
  classes: boolean,
  strength: Strength | undefined,
): Rule[] {
  const lower = password.toLowerCase();
  const isLong = new TextEncoder().encode(password).length > MAX_BYTES;
  const rules: Rule[] = [
    { text: `At least ${MIN_CHARACTERS} characters`, met: [...password].length >= MIN_CHARACTERS },
    {
      text: "Without the username and the e-mail address",
      met: password !== "" && !personalParts(person).some((part) => lower.includes(part)),
    },
    {
      text: `Hard to guess${strength?.warning ? `: ${strength.warning}` : ""}`,
      met: password === "" ? false : strength && strength.score >= MIN_SCORE,
    },
  ];
  if (classes) {
    rules.push({
      text: `An upper-case letter, a lower-case letter, a digit and one of ${SPECIAL}`,
      met:
        /\p{Lu}/u.test(password) &&
        /\p{Ll}/u.test(password) &&
        /\d/.test(password) &&
        [...password].some((character) => SPECIAL.includes(character)),
    });
  }
  if (isLong) rules.push({ text: `At most ${MAX_BYTES} bytes`, met: false });
  return rules;
}

/** The score in a word. */
export function strengthWord(score: number): string {
  return (
    ["Very easy to guess", "Easy to guess", "Could be guessed", "Hard to guess", "Very hard to guess"][score] ?? ""
  );
}
