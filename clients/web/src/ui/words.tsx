import { Fragment, type ReactNode } from "react";

/** A sentence of the server or of a template's author: what stands in backticks is code. */
export function Words({ text }: { text: string }): ReactNode {
  return text.split("`").map((part, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one text never move
    <Fragment key={index}>{index % 2 === 1 ? <code>{part}</code> : part}</Fragment>
  ));
}
