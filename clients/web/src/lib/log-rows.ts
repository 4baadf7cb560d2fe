// What stands in the rows of a log: a heading for each step, its lines unless it is folded, and the end.

import { type Run, runKey } from "./log-outline";

export type LogRow = { kind: "step"; run: Run; folded: boolean } | { kind: "line"; seq: number } | { kind: "end" };

interface Part {
  run: Run;
  /** Row of the heading. */
  row: number;
  folded: boolean;
}

export class LogRows {
  readonly count: number;
  readonly #parts: Part[] = [];
  readonly #lines: number;

  constructor(runs: readonly Run[], folded: ReadonlySet<string>, hasEnd: boolean) {
    let row = 0;
    for (const run of runs) {
      const isFolded = folded.has(runKey(run));
      this.#parts.push({ run, row, folded: isFolded });
      row += 1 + (isFolded ? 0 : run.last - run.first + 1);
    }
    this.#lines = row;
    this.count = row + (hasEnd ? 1 : 0);
  }

  at(index: number): LogRow {
    if (index >= this.#lines) return { kind: "end" };
    const part = this.#parts.findLast(({ row }) => row <= index);
    if (!part) return { kind: "end" };
    if (part.row === index) return { kind: "step", run: part.run, folded: part.folded };
    return { kind: "line", seq: part.run.first + index - part.row - 1 };
  }

  /** The row of a line; of its step's heading where that is folded. */
  rowOf(seq: number): number {
    const part = this.#parts.findLast(({ run }) => run.first <= seq);
    if (!part) return 0;
    return part.folded ? part.row : part.row + Math.min(seq, part.run.last) - part.run.first + 1;
  }

  /** The run that a line belongs to. */
  runOf(seq: number): Run | undefined {
    return this.#parts.findLast(({ run }) => run.first <= seq)?.run;
  }
}
