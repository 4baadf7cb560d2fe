// How hard a password is to guess, by the same method and the same lists as the server. Half a megabyte of frequent
// passwords and words: import it only where somebody chooses one.

import zxcvbn from "zxcvbn";
import { type Person, personalParts, type Strength } from "./password";

/** Longer ones take long to judge, and are not easier to guess. */
const JUDGED = 100;

export function strengthOf(password: string, person: Person): Strength {
  const { score, feedback } = zxcvbn([...password].slice(0, JUDGED).join(""), personalParts(person));
  return { score, warning: score < 3 ? feedback.warning.replace(/\.$/, "").toLowerCase() : "" };
}
