// What the caller may do, as the change feed tells it: a text that is another one once it is not what it was. Every watch
// tells it when it begins, so that what changed while none was open is noticed, too.

import { refreshAll } from "./queries";

let known: string | undefined;

/** Notes what a watch told. Where it is not what was told before, everything that pages show is asked for again: which
 * controls are open, what lists hold and what was refused follow from it. */
export function noteAccess(etag: string): void {
  const isOther = known !== undefined && known !== etag;
  known = etag;
  if (isOther) refreshAll();
}
