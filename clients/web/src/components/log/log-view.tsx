// A job's log, live: the same on every page. What is looked at (a line, a search) is the page's to keep in its URL.

import { CircleAlert } from "lucide-react";
import { type MouseEvent, useEffect, useMemo, useRef, useState } from "react";
import type { JobLog, LogHead } from "~/api/job-log";
import { useLogHead } from "~/api/use-job-log";
import { EmptyState } from "~/components/empty-state";
import { ErrorNotice } from "~/components/error-notice";
import { Skeleton } from "~/components/page";
import { type Job, JobState, LogStream } from "~/gen/flagstone/v1/job_service_pb";
import { count, exactTime, formatNumber } from "~/lib/format";
import { plainText } from "~/lib/log-ansi";
import type { LogLine } from "~/lib/log-line";
import { type Run, runKey } from "~/lib/log-outline";
import { LogRows } from "~/lib/log-rows";
import type { LogSearch } from "~/lib/log-search";
import { useRegisterActions } from "~/lib/shortcuts";
import { useLogSearch } from "~/lib/use-log-search";
import { LogDownload } from "./log-download";
import { LogEndRow, LogLineRow, LogStepRow } from "./log-row";
import { LEVELS, type LogAddress, LogToolbar } from "./log-toolbar";
import { LogViewport, type LogViewportHandle } from "./log-viewport";

const WRAP = "flagstone.log.wrap";

/** Longest part of a line that widens the rows: what is longer is cut. */
const COLUMNS_MAX = 2_040;

export interface LogViewProps {
  job: Job;
  log: JobLog;
  address: LogAddress;
  onAddress: (change: Partial<LogAddress>) => void;
  /** Where the page sends its reader; another object sends them again. */
  goal?: { line: number } | undefined;
}

/** A log with its toolbar. `log` is followed by the page. */
export function LogView(props: LogViewProps) {
  const { job, log } = props;
  const head = useLogHead(log);
  const mayHaveFailed = job.state !== JobState.SUCCEEDED;
  useEffect(() => {
    if (head.open && mayHaveFailed) log.seekFirstError();
  }, [head.open, mayHaveFailed, log]);
  return (
    <section
      aria-label="Log"
      className="flex h-[max(24rem,calc(100dvh-12rem))] min-w-0 flex-col overflow-hidden rounded-md border border-line-strong bg-canvas"
    >
      {!head.open && head.error === undefined && (
        <div className="p-4">
          <Skeleton />
        </div>
      )}
      {head.error !== undefined && (
        <div className="p-2">
          <ErrorNotice
            error={head.error}
            title={head.open ? "Some of the log could not be read" : "The log could not be read"}
            onRetry={() => log.retry()}
          />
        </div>
      )}
      {head.open &&
        (head.end === 0 ? (
          <div className="p-4">
            <EmptyState>
              {head.complete ? "This job printed nothing." : "Nothing was printed yet. Lines appear here as they come."}
            </EmptyState>
          </div>
        ) : (
          <OpenLog {...props} head={head} />
        ))}
    </section>
  );
}

function OpenLog({ job, log, head, address, onAddress, goal: sent }: LogViewProps & { head: LogHead }) {
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const [stuck, setStuck] = useState(address.line === undefined);
  const [leftAt, setLeftAt] = useState(head.end);
  const [wrap, setWrap] = useState(() => localStorage.getItem(WRAP) === "1");
  const [columns, setColumns] = useState(80);
  const [current, setCurrent] = useState(-1);
  const firstSeen = useRef(1);
  const viewport = useRef<LogViewportHandle>(null);
  const input = useRef<HTMLInputElement>(null);

  const search = useLogSearch(log, address.q ?? "", Boolean(address.not), address.level ? LEVELS[address.level] : 0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another search has other matches
  useEffect(() => setCurrent(-1), [search]);
  const only = address.only && search ? search : undefined;
  const rows = useMemo(() => new LogRows(head.runs, folded, head.complete), [head.runs, folded, head.complete]);
  const rowOf = (seq: number) => (only ? only.indexFrom(seq) : rows.rowOf(seq));
  const rowCount = only ? only.found.length : rows.count;

  const onStuck = (next: boolean) => {
    if (!next && stuck) setLeftAt(head.end);
    setStuck(next);
  };
  const unfold = (run: Run | undefined) => {
    if (run && folded.has(runKey(run))) setFolded(without(folded, runKey(run)));
  };
  // Shown once it has been drawn: a step that was folded has its lines only then.
  const [goal, setGoal] = useState<number | undefined>(address.line);
  useEffect(() => {
    if (goal === undefined) return;
    viewport.current?.show(rowOf(goal));
    setGoal(undefined);
  });
  const show = (seq: number) => {
    unfold(rows.runOf(seq));
    setGoal(seq);
  };
  const selected = address.line;
  const isOnly = only !== undefined;
  const last = useRef({ selected, sent, isOnly });
  useEffect(() => {
    const before = last.current;
    last.current = { selected, sent, isOnly };
    if (sent && sent !== before.sent) setGoal(sent.line);
    // Between all lines and those that are found, the reader's own line stays in view.
    else if (selected !== undefined && (selected !== before.selected || isOnly !== before.isOnly)) setGoal(selected);
  }, [selected, sent, isOnly]);

  const select = (seq: number) => {
    const line = Math.min(Math.max(seq, 1), head.end);
    viewport.current?.hold();
    onAddress({ line });
  };
  const go = (by: 1 | -1, { found, indexFrom, want }: LogSearch) => {
    const begin = current < 0 ? indexFrom(firstSeen.current) - (by > 0 ? 1 : 0) : current;
    const next = (begin + by + found.length) % found.length;
    void want(next, next);
    setCurrent(next);
    const seq = found[next];
    if (seq !== undefined) show(seq);
  };
  /** A step that waits for the search to begin and to find what it goes to. */
  const [owed, setOwed] = useState<{ by: 1 | -1; text: string }>();
  const sought = address.q ?? "";
  const step = (by: 1 | -1, text = sought) => setOwed({ by, text });
  useEffect(() => {
    if (!owed || !search || owed.text !== sought) return;
    const isFound = search.done || search.paused || (search.found.at(-1) ?? 0) >= firstSeen.current;
    if (!isFound) return;
    setOwed(undefined);
    if (search.found.length > 0) go(owed.by, search);
  });
  const toggleWrap = () => {
    localStorage.setItem(WRAP, wrap ? "0" : "1");
    setWrap(!wrap);
  };
  const { firstError } = head;
  const toFirstError = () => {
    if (!firstError) return;
    onAddress({ line: firstError.seq, only: undefined });
    show(firstError.seq);
  };
  useRegisterActions([
    { label: "Search the log", group: "Log", keys: "f", run: () => input.current?.focus() },
    { label: "Next match", group: "Log", keys: "n", run: () => step(1) },
    { label: "Previous match", group: "Log", keys: "N", run: () => step(-1) },
    { label: "Wrap long lines", group: "Log", keys: "w", run: toggleWrap },
    { label: "Go to the end and follow", group: "Log", keys: "l", run: () => onStuck(true) },
    ...(firstError ? [{ label: "Go to the first error", group: "Log", keys: "e", run: toFirstError }] : []),
  ]);

  const onView = (first: number, last: number) => {
    const seqs = seqsOf(only, rows, first, last);
    const from = seqs[0];
    const to = seqs.at(-1);
    if (from === undefined || to === undefined) return;
    firstSeen.current = from;
    if (only) void only.want(first, last);
    else log.want(from, to);
    const longest = Math.max(...seqs.map((seq, index) => lineAt(seq, first + index)?.text.length ?? 0));
    if (longest > columns) setColumns(Math.min(longest, COLUMNS_MAX));
  };
  const lineAt = (seq: number, index: number) => only?.line(index) ?? log.line(seq);
  const find = (seq: number) => lineOf(only, seq) ?? log.line(seq);
  const matched = search && current >= 0 ? search.found[current] : undefined;
  const query = useMemo(() => addressWithout(address), [address]);
  const lineRow = (seq: number, index: number) => (
    <LogLineRow
      key={seq}
      seq={seq}
      line={lineAt(seq, index)}
      href={`?${query}line=${seq}`}
      selected={seq === selected}
      sought={address.not ? "" : sought}
      current={seq === matched}
      wrap={wrap}
    />
  );
  const renderRow = (index: number) => {
    if (only) {
      const seq = only.found[index];
      return seq === undefined ? null : lineRow(seq, index);
    }
    const row = rows.at(index);
    if (row.kind === "line") return lineRow(row.seq, index);
    if (row.kind === "end") {
      return <LogEndRow key="end" lines={head.end} sha256={head.sha256} dropped={head.dropped} />;
    }
    const key = runKey(row.run);
    const toggle = () => {
      viewport.current?.hold();
      setFolded(folded.has(key) ? without(folded, key) : new Set(folded).add(key));
    };
    return <LogStepRow key={`step ${key}`} run={row.run} folded={row.folded} onToggle={toggle} />;
  };
  const onClick = (event: MouseEvent) => {
    const link = (event.target as HTMLElement).closest<HTMLElement>("[data-line]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    select(Number(link.dataset.line));
  };
  // Of a thousand lines that pass, few are looked at so closely: the time is written when somebody points at one.
  const onPoint = (event: MouseEvent) => {
    const row = (event.target as HTMLElement).closest<HTMLElement>("[data-seq]");
    const line = row && find(Number(row.dataset.seq));
    if (row && line && !row.title) row.title = exactTime(line.time);
  };
  const arrow = (event: React.KeyboardEvent) => {
    if (!event.shiftKey || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
    event.preventDefault();
    const by = event.key === "ArrowDown" ? 1 : -1;
    select(selected === undefined ? firstSeen.current : selected + by);
  };
  const fresh = head.end - leftAt;
  return (
    <>
      <LogToolbar
        address={address}
        onAddress={onAddress}
        search={search}
        current={current}
        onStep={step}
        wrap={wrap}
        onWrap={toggleWrap}
        stuck={stuck}
        onStick={() => onStuck(true)}
        input={input}
      >
        <LogDownload job={job.name} />
      </LogToolbar>
      {firstError && (
        <button
          type="button"
          onClick={toFirstError}
          className="flex min-h-8 items-center gap-2 border-line border-b bg-failed-soft px-3 py-1 text-left text-failed hover:underline"
        >
          <CircleAlert aria-hidden className="size-4 shrink-0" />
          <span className="shrink-0 font-medium">First error, line {formatNumber(firstError.seq)}</span>
          <span className="truncate font-mono text-sm">{plainText(firstError.text)}</span>
        </button>
      )}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the links within are what is clicked; Shift with an arrow selects by the keyboard */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: as above */}
      {/* biome-ignore lint/a11y/useKeyWithMouseEvents: the time of the selected line is below the log */}
      <div className="relative min-h-0 flex-1" onClick={onClick} onMouseOver={onPoint}>
        {rowCount === 0 ? (
          <p className="p-4 text-muted">{search?.done ? "No line of the log is like that." : "Searching the log."}</p>
        ) : (
          <LogViewport
            label={`Log of ${job.name}`}
            count={rowCount}
            renderRow={renderRow}
            onView={onView}
            stuck={stuck}
            onStuck={onStuck}
            wrap={wrap}
            columns={columns}
            onKeyDown={arrow}
            handle={viewport}
          />
        )}
        {!stuck && fresh > 0 && !only && (
          <button
            type="button"
            onClick={() => onStuck(true)}
            className="absolute bottom-3 left-1/2 -translate-x-1/2 rounded-full border border-line-strong bg-float px-3 py-1 font-medium text-sm shadow-float hover:bg-hover"
          >
            {count(fresh, "new line")}
          </button>
        )}
      </div>
      <LogStatus head={head} stuck={stuck} line={selected === undefined ? undefined : find(selected)} />
    </>
  );
}

/** How far the log is, and what the selected line is. */
function LogStatus({ head, stuck, line }: { head: LogHead; stuck: boolean; line: LogLine | undefined }) {
  return (
    <div className="flex min-h-7 flex-wrap items-center justify-between gap-x-4 border-line border-t px-3 text-muted text-sm">
      <span className="tabular-nums">
        {count(head.end, "line")} · {statusWord(head, stuck)}
      </span>
      {line && (
        <span className="tabular-nums">
          Line {formatNumber(line.seq)} · {exactTime(line.time)}
          {line.step && ` · ${line.step}`}
          {line.stream === LogStream.STDERR && " · standard error"}
          {line.stream === LogStream.SYSTEM && " · Flagstone"}
        </span>
      )}
    </div>
  );
}

function statusWord({ complete, status }: LogHead, stuck: boolean): string {
  if (complete) return "complete";
  if (status === "live") return stuck ? "following" : "live";
  if (status === "reconnecting") return "reconnecting, no line is lost";
  if (status === "paused") return "paused while the tab is hidden";
  return status === "failed" ? "not live" : "connecting";
}

/** A found line by its number. */
function lineOf(search: LogSearch | undefined, seq: number): LogLine | undefined {
  const line = search?.line(search.indexFrom(seq));
  return line?.seq === seq ? line : undefined;
}

/** Numbers of the lines in some rows. */
function seqsOf(only: LogSearch | undefined, rows: LogRows, first: number, last: number): number[] {
  if (only) return only.found.slice(first, last + 1);
  const seqs: number[] = [];
  for (let index = first; index <= last; index += 1) {
    const row = rows.at(index);
    if (row.kind === "line") seqs.push(row.seq);
  }
  return seqs;
}

function without(set: ReadonlySet<string>, item: string): ReadonlySet<string> {
  return new Set([...set].filter((other) => other !== item));
}

/** The address as a query that a line's number is added to. */
function addressWithout(address: LogAddress): string {
  const parts = Object.entries(address).filter(
    ([key, value]) => key !== "line" && value !== undefined && value !== false,
  );
  return parts.map(([key, value]) => `${key}=${encodeURIComponent(String(value))}&`).join("");
}
