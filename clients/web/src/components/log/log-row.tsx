// The rows of a log: 20 pixels each unless they wrap.

import { ChevronDown, ChevronRight, Scissors } from "lucide-react";
import { memo, useMemo, useState } from "react";
import { CopyButton } from "~/components/copy-button";
import { LogLevel, LogStream } from "~/gen/flagstone/v1/job_service_pb";
import { cn } from "~/lib/cn";
import { count, formatMillis, formatNumber, sentence } from "~/lib/format";
import { piecesOf, withHits } from "~/lib/log-ansi";
import type { LogLine } from "~/lib/log-line";
import type { Run } from "~/lib/log-outline";

/** Height of a row that does not wrap, in pixels. */
export const ROW = 20;

/** Longer lines are cut, and shown whole on demand: a row of 32 KiB takes longer to lay out than a screen of others. */
const LONG_LINE = 2_000;

const NUMBER = "w-16 shrink-0 border-r border-line bg-canvas pr-2 text-right tabular-nums select-none";

export interface LogLineRowProps {
  seq: number;
  /** Left out while it is on its way. */
  line: LogLine | undefined;
  /** Address of the page with this line selected. */
  href: string;
  selected: boolean;
  /** What is searched for. */
  sought: string;
  /** The match that one has stepped to. */
  current: boolean;
  wrap: boolean;
}

/** A line with its number, which is a link to it. */
export const LogLineRow = memo(function LogLineRow(props: LogLineRowProps) {
  const { seq, line, href, selected, current, wrap } = props;
  const look = selected ? "bg-accent-soft" : line ? tint(line) : undefined;
  return (
    <div
      data-seq={seq}
      className={cn(
        "flex min-h-5 w-full",
        !wrap && "h-5",
        look,
        current && "outline-1 outline-accent -outline-offset-1",
      )}
    >
      <a
        href={href}
        data-line={seq}
        tabIndex={-1}
        aria-label={`Line ${seq}`}
        aria-current={selected || undefined}
        className={cn(
          NUMBER,
          "sticky left-0 z-1 border-l-2 hover:text-ink hover:underline",
          selected ? "text-ink" : "text-muted",
          line?.level === LogLevel.ERROR
            ? "border-l-failed"
            : line?.level === LogLevel.WARNING
              ? "border-l-waiting"
              : "border-l-transparent",
        )}
      >
        {seq}
      </a>
      {line ? <LineText {...props} line={line} /> : <span className="my-1.5 ml-3 h-2 w-64 rounded-sm bg-active" />}
    </div>
  );
});

function tint(line: LogLine): string | undefined {
  if (line.isGap) return "bg-waiting-soft text-waiting";
  if (line.level === LogLevel.ERROR) return "bg-failed-soft";
  return undefined;
}

function LineText({ line, sought, wrap }: LogLineRowProps & { line: LogLine }) {
  const [whole, setWhole] = useState(false);
  const isCut = !whole && line.text.length > LONG_LINE;
  const text = isCut ? line.text.slice(0, LONG_LINE) : line.text;
  const pieces = useMemo(() => withHits(piecesOf(text), sought), [text, sought]);
  return (
    <span
      dir="ltr"
      className={cn(
        "px-3 [unicode-bidi:isolate]",
        wrap ? "min-w-0 flex-1 whitespace-pre-wrap [overflow-wrap:anywhere]" : "whitespace-pre",
        line.level === LogLevel.ERROR && "text-failed",
        (line.redrawn || line.level === LogLevel.DEBUG) && "text-muted",
        line.stream === LogStream.SYSTEM && !line.isGap && line.level !== LogLevel.ERROR && "text-muted",
      )}
    >
      {line.isGap && <Scissors aria-hidden className="mr-1 inline size-3.5 align-text-bottom" />}
      {pieces.map((piece, index) => {
        // The parts of a line never change their order.
        const key = index;
        if (piece.hit) {
          return (
            <mark key={key} className="rounded-[2px] bg-waiting text-canvas">
              {piece.text}
            </mark>
          );
        }
        return piece.classes ? (
          <span key={key} className={piece.classes}>
            {piece.text}
          </span>
        ) : (
          piece.text
        );
      })}
      {isCut && (
        <button type="button" onClick={() => setWhole(true)} className="ml-2 text-accent-strong hover:underline">
          Show {formatNumber(line.text.length - LONG_LINE)} more characters
        </button>
      )}
      {line.continued && (
        <span className="text-muted" title="The line is longer than 32 KiB: it goes on in the next row.">
          ↩
        </span>
      )}
    </span>
  );
}

/** `init`; with the attempt where there were several. */
export function stepWord(run: Run): string {
  return run.attempt > 1 ? `${sentence(run.step || "log")}, attempt ${run.attempt}` : sentence(run.step || "log");
}

/** The heading of a step; folds its lines. */
export function LogStepRow({ run, folded, onToggle }: { run: Run; folded: boolean; onToggle: () => void }) {
  const Icon = folded ? ChevronRight : ChevronDown;
  return (
    <div className="flex h-5 w-full bg-sunken">
      <button
        type="button"
        aria-expanded={!folded}
        onClick={onToggle}
        className="sticky left-0 flex items-center gap-1 px-2 font-sans font-semibold text-sm hover:underline"
      >
        <Icon aria-hidden className="size-3.5" />
        {stepWord(run)}
        <span className="ml-2 font-normal text-muted">
          {count(run.last - run.first + 1, "line")} · {formatMillis(run.end - run.start)}
        </span>
      </button>
    </div>
  );
}

/** The last row of a log that is complete. */
export function LogEndRow({ lines, sha256, dropped }: { lines: number; sha256: string; dropped: number }) {
  return (
    <div className="flex h-5 w-full items-center border-line border-t bg-sunken px-3 text-muted">
      <span className="sticky left-3 inline-flex items-center gap-1">
        <span title={sha256}>
          END · {count(lines, "line")} · sha256 {sha256.slice(0, 12)}
        </span>
        <CopyButton text={sha256} label="Copy the SHA-256 of the log" />
        {dropped > 0 && <span className="text-waiting">· {count(dropped, "line")} dropped, the log was too large</span>}
      </span>
    </div>
  );
}
