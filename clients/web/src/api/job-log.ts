// A job's log as a page follows it: where it ends, its steps, and the lines around what is looked at. Lines live outside
// of React; pages hear a few times per second at most that something changed.

import { Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  type JobLogChunk,
  type JobLogEnd,
  JobService,
  LogLevel,
  type TailJobLogsResponse,
} from "~/gen/flagstone/v1/job_service_pb";
import { type LogLine, readLine } from "~/lib/log-line";
import { joined, outline, type Place, type Run, withLines } from "~/lib/log-outline";
import type { AskFor, LogQuery } from "~/lib/log-search";
import { CHUNK, chunkOf, firstOf, LogStore } from "~/lib/log-store";
import { transport } from "./client";
import { follow, type Heard, type StreamStatus } from "./stream";

/** Where more than this is new, the tail begins near the end, and what lies between is fetched when it is looked at. */
const FAR = 5_000;

/** Lines of a page of a download: few enough for the page to stay smooth. */
const DOWNLOAD_PAGE = 2_000;

/** How long what is looked at must stand still before its lines are fetched: a drag passes a million lines. */
const REST = 50;

/** Time between two drawings of what comes: nobody reads faster, and a new screen of lines takes time to lay out. */
const DRAWS = 80;

/** How long lines are read before the page gets its turn. */
const SLICE = 8;

/** Lines that could not be fetched are asked for again after this. */
const AGAIN = 2_000;

const client = createClient(JobService, transport);

export interface LogHead {
  /** False until the end of the log and its steps are known. */
  open: boolean;
  status: StreamStatus;
  /** Why the log is not, or no longer, followed. */
  error: unknown;
  /** Number of the last line that is shown. */
  end: number;
  runs: readonly Run[];
  /** The job has ended, and all of its lines are here. */
  complete: boolean;
  sha256: string;
  /** Lines that were dropped for size. */
  dropped: number;
  firstError: LogLine | undefined;
  /** Rises with everything that comes, lines that were fetched included. */
  version: number;
}

const NOTHING: LogHead = {
  open: false,
  status: "connecting",
  error: undefined,
  end: 0,
  runs: [],
  complete: false,
  sha256: "",
  dropped: 0,
  firstError: undefined,
  version: 0,
};

export class JobLog {
  readonly #store = new LogStore();
  readonly #listeners = new Set<() => void>();
  #head = NOTHING;
  /** What came since it was last shown. */
  #waiting: LogLine[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #shown = 0;
  #abort: AbortController | undefined;
  #rest: ReturnType<typeof setTimeout> | undefined;
  #wanted = "";
  readonly #fetching = new Set<number>();
  /** Number of the last line that came, shown or not. */
  #came = 0;
  /** Some lines were not in the tail: they are fetched when they are looked at. */
  #passedOver = false;
  #seeksError = false;

  /** `name` is the job's, `jobs/{id}`. */
  constructor(readonly name: string) {}

  head = (): LogHead => this.#head;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** A line, where it is here. */
  line(seq: number): LogLine | undefined {
    return this.#store.get(seq);
  }

  /** Follows the log until it is complete or `stop` is called. What is here stays. */
  start(): () => void {
    const abort = new AbortController();
    this.#abort = abort;
    void follow<TailJobLogsResponse>(
      {
        open: (_, signal) => this.#tail(signal),
        hear: ({ event }) => this.#hear(event),
        status: (status, error) => this.#set({ status, error: status === "failed" ? error : undefined }),
      },
      abort.signal,
    );
    return () => {
      this.#abort?.abort();
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#show();
    };
  }

  /** Tries again after it failed. */
  retry(): void {
    this.#abort?.abort();
    this.start();
  }

  /** Asks for the lines that are about to be looked at. */
  want(first: number, last: number): void {
    const from = Math.max(1, first);
    const key = `${from} ${last}`;
    // A log that grows draws the same rows again and again: they have been asked for.
    if (key === this.#wanted && this.#rest !== undefined) return;
    this.#wanted = key;
    clearTimeout(this.#rest);
    this.#rest = undefined;
    if (this.#missing(from, last).length === 0) return;
    this.#rest = setTimeout(() => {
      this.#rest = undefined;
      for (const chunk of this.#missing(from, last)) void this.#fetch(chunk);
    }, REST);
  }

  /** Looks for the first error in what was passed over; what comes by the tail is looked at as it comes. */
  seekFirstError(): void {
    if (this.#seeksError) return;
    this.#seeksError = true;
    void this.#seekFirstError();
  }

  /** How a search asks the server. */
  asking(query: LogQuery, signal: AbortSignal): AskFor {
    const sought = query.not ? { excludes: query.text } : { contains: query.text };
    return async (from, size) => {
      const place = "token" in from ? { pageToken: from.token } : { after: BigInt(from.after) };
      const answer = await client.listJobLogs(
        { parent: this.name, pageSize: size, minLevel: query.level, ...sought, ...place },
        { signal },
      );
      return { lines: answer.lines.map(readLine), next: answer.nextPageToken, lastSeq: Number(answer.lastSeq) };
    };
  }

  /** Learns how far the log is, and opens the stream where what is here ends. */
  async *#tail(signal: AbortSignal): AsyncIterable<TailJobLogsResponse> {
    const { lines, lastSeq } = await client.listJobLogs(
      { parent: this.name, after: BigInt(this.#came), pageSize: 1 },
      { signal },
    );
    const last = Number(lastSeq);
    const first = lines[0];
    if (first && last - this.#came > FAR) {
      // A whole chunk before the last one: the steps of these lines come from the lines themselves.
      const begin = firstOf(chunkOf(last) - 1);
      const before = await this.#read(begin - 1, signal);
      const runs = await outline(placeOf(readLine(first)), before, (seq) => this.#read(seq, signal));
      this.#show();
      this.#came = begin - 1;
      this.#passedOver = true;
      this.#set({ runs: joined(this.#head.runs, runs), end: begin - 1 });
      if (this.#seeksError) void this.#seekFirstError();
    }
    if (last === 0) this.#set({ open: true });
    const tail = client.tailJobLogs({ name: this.name, cursor: String(this.#came), follow: true }, { signal });
    // What the network has brought at once would be read at once, and nothing be drawn meanwhile.
    let since = performance.now();
    for await (const message of tail) {
      yield message;
      if (performance.now() - since < SLICE) continue;
      await nextTask();
      since = performance.now();
    }
  }

  #hear(event: TailJobLogsResponse["event"]): Heard {
    if (event.case === "chunk") this.#take(event.value);
    if (event.case === "end") {
      this.#show();
      if (event.value.complete) this.#close(event.value);
      return { end: event.value.end };
    }
    return { cursor: event.value?.cursor };
  }

  #take(chunk: JobLogChunk): void {
    for (const line of chunk.lines) {
      // After a cut some may come again.
      if (Number(line.seq) <= this.#came) continue;
      this.#came = Number(line.seq);
      this.#waiting.push(readLine(line));
    }
    if (this.#timer !== undefined) return;
    const pause = Math.max(0, this.#shown + DRAWS - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#show();
    }, pause);
  }

  /** Puts what came where it is seen. */
  #show(): void {
    const lines = this.#waiting;
    this.#waiting = [];
    this.#shown = performance.now();
    const last = lines.at(-1);
    if (!last) return;
    for (const line of lines) this.#store.append(line);
    const { runs, firstError = lines.find(({ level }) => level === LogLevel.ERROR) } = this.#head;
    this.#set({ open: true, end: last.seq, runs: withLines(runs, lines), firstError });
  }

  #close({ sha256, dropped }: JobLogEnd): void {
    this.#set({ open: true, complete: true, sha256, dropped: Number(dropped) });
  }

  #missing(first: number, last: number): number[] {
    return this.#store.missing(first, last, this.#head.end).filter((chunk) => !this.#fetching.has(chunk));
  }

  async #fetch(chunk: number): Promise<void> {
    const signal = this.#abort?.signal;
    this.#fetching.add(chunk);
    try {
      const lines: LogLine[] = [];
      // A page may be cut short by its bytes.
      let isMore = true;
      while (isMore && lines.length < CHUNK) {
        const after = BigInt(firstOf(chunk) - 1 + lines.length);
        const page = await client.listJobLogs(
          { parent: this.name, after, pageSize: CHUNK - lines.length },
          signal && { signal },
        );
        lines.push(...page.lines.map(readLine));
        isMore = page.nextPageToken !== "";
      }
      this.#store.put(chunk, lines);
      this.#fetching.delete(chunk);
      this.#set({ error: undefined });
    } catch (error) {
      if (signal?.aborted) return void this.#fetching.delete(chunk);
      this.#set({ error });
      setTimeout(() => {
        this.#fetching.delete(chunk);
        this.#set({});
      }, AGAIN);
    }
  }

  async #read(seq: number, signal: AbortSignal): Promise<Place> {
    const page = await client.listJobLogs({ parent: this.name, after: BigInt(seq - 1), pageSize: 1 }, { signal });
    const line = page.lines[0];
    if (!line) throw new ConnectError(`Line ${seq} of the log is not there.`, Code.Internal);
    return placeOf(readLine(line));
  }

  async #seekFirstError(): Promise<void> {
    // What came by the tail was looked at.
    if (!this.#passedOver || !this.#abort) return;
    const ask = this.asking({ text: "", not: false, level: LogLevel.ERROR }, this.#abort.signal);
    try {
      let from: { after: number } | { token: string } = { after: 0 };
      for (;;) {
        const page = await ask(from, 1);
        const found = page.lines[0];
        if (found) {
          const known = this.#head.firstError;
          if (!known || found.seq < known.seq) this.#set({ firstError: found });
          return;
        }
        if (!page.next) return;
        from = { token: page.next };
      }
    } catch {
      // The error is still found by reading, or by a search: nothing is said that is not so.
      this.#seeksError = false;
    }
  }

  #set(change: Partial<LogHead>): void {
    this.#head = { ...this.#head, ...change, version: this.#head.version + 1 };
    for (const listener of this.#listeners) listener();
  }
}

/** Lets the browser draw and hear its person first. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

function placeOf({ seq, attempt, step, time }: LogLine): Place {
  return { seq, attempt, step, time };
}

/** Reads the log from its first line to its last, and says how far it is. */
export async function readWholeLog(
  name: string,
  progress: (lines: number, all: number) => void,
  signal: AbortSignal,
): Promise<{ content: Blob; lines: number; complete: boolean; sha256: string }> {
  // Joined page by page: a Blob may lie outside of the tab's memory.
  let content = new Blob([]);
  let pageToken = "";
  let lines = 0;
  for (;;) {
    const page = await client.listJobLogs({ parent: name, pageSize: DOWNLOAD_PAGE, pageToken }, { signal });
    content = new Blob([content, concatenated(page.lines.map(({ data }) => data))]);
    lines += page.lines.length;
    progress(lines, Number(page.lastSeq));
    pageToken = page.nextPageToken;
    if (!pageToken) return { content, lines, complete: page.complete, sha256: page.sha256 };
  }
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
