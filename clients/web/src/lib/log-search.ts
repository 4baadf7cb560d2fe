// What a search in a log has found so far. The server looks; this keeps the numbers of what it found, and the lines of
// the pages that were looked at last.

import type { LogLine } from "./log-line";

/** What is looked for. All of it must hold. */
export interface LogQuery {
  text: string;
  /** Lines that do not contain the text. */
  not: boolean;
  /** This level or above, as `LogLevel`; 0 for all. */
  level: number;
}

/** One page of an answer. */
export interface FoundPage {
  lines: LogLine[];
  /** Where the next page begins; empty where nothing follows for now. */
  next: string;
  /** How far the log was when it was looked through. */
  lastSeq: number;
}

/** Asks for lines after a number, or for the page of a token. */
export type AskFor = (from: { after: number } | { token: string }, size: number) => Promise<FoundPage>;

export const PAGE = 1_000;

/** Found lines after which the rest is looked for only when somebody goes there. */
const ENOUGH = 10_000;

/** Pages whose lines are held. */
const PAGES_MAX = 30;

interface Page {
  /** Index of its first line among all found. */
  index: number;
  size: number;
  lines: LogLine[] | undefined;
}

export function isEmptyQuery({ text, level }: LogQuery): boolean {
  return text === "" && level === 0;
}

export class LogSearch {
  /** Numbers of the found lines, in order. */
  readonly found: number[] = [];
  /** True where the log was looked through as far as it went. */
  done = false;
  /** True where it stopped because enough was found. */
  paused = false;
  error: unknown;
  /** How far the log was looked through, once `done`. */
  #seen = 0;
  #next: string | undefined;
  #running = false;
  #stopped = false;
  readonly #pages: Page[] = [];
  readonly #held: Page[] = [];
  readonly #fetching = new Set<Page>();

  constructor(
    private readonly ask: AskFor,
    private readonly changed: () => void,
  ) {}

  stop(): void {
    this.#stopped = true;
  }

  /** Looks on from where it stopped; `until` found lines at least, where there are so many. */
  async run(until = ENOUGH): Promise<void> {
    if (this.#running || this.#stopped) return;
    this.#running = true;
    this.error = undefined;
    this.paused = false;
    try {
      do {
        const from = this.#next ? { token: this.#next } : { after: this.#seen };
        const page = await this.ask(from, PAGE);
        if (this.#stopped) return;
        this.#take(page.lines);
        this.#next = page.next || undefined;
        this.done = !page.next;
        if (this.done) this.#seen = page.lastSeq;
        this.paused = !this.done && this.found.length >= until;
        this.changed();
      } while (!this.done && !this.paused);
    } catch (error) {
      this.error = error;
      this.changed();
    } finally {
      this.#running = false;
    }
  }

  /** The log has grown: looks through what is new. */
  async grown(lastSeq: number): Promise<void> {
    if (this.done && lastSeq > this.#seen) await this.run(Number.POSITIVE_INFINITY);
  }

  /** A found line by its place among the found ones, where it is held. */
  line(index: number): LogLine | undefined {
    const page = this.#pageOf(index);
    return page?.lines?.[index - page.index];
  }

  /** Asks for what is to be shown, and looks on where it is near the last that was found. */
  want = async (first: number, last: number): Promise<void> => {
    if (this.paused && last >= this.found.length - PAGE) void this.run(this.found.length + ENOUGH);
    const pages = this.#pages.filter((page) => page.index <= last && page.index + page.size > first);
    await Promise.all(pages.map((page) => (page.lines ? this.#hold(page) : this.#fetch(page))));
  };

  /** The place of the first found line at or after a line; that of the last one where there is none. */
  indexFrom = (seq: number): number => {
    let low = 0;
    let high = this.found.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.found[middle] ?? 0) < seq) low = middle + 1;
      else high = middle;
    }
    return Math.min(low, this.found.length - 1);
  };

  #take(lines: LogLine[]): void {
    if (lines.length === 0) return;
    const page: Page = { index: this.found.length, size: lines.length, lines };
    for (const line of lines) this.found.push(line.seq);
    this.#pages.push(page);
    this.#hold(page);
  }

  async #fetch(page: Page): Promise<void> {
    if (this.#fetching.has(page)) return;
    this.#fetching.add(page);
    try {
      const after = page.index === 0 ? 0 : (this.found[page.index - 1] ?? 0);
      page.lines = (await this.ask({ after }, page.size)).lines;
      this.#hold(page);
      if (!this.#stopped) this.changed();
    } catch (error) {
      this.error = error;
      this.changed();
    } finally {
      this.#fetching.delete(page);
    }
  }

  #pageOf(index: number): Page | undefined {
    let low = 0;
    let high = this.#pages.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#pages[middle]?.index ?? 0) <= index) low = middle;
      else high = middle - 1;
    }
    return this.#pages[low];
  }

  #hold(page: Page): void {
    const at = this.#held.indexOf(page);
    if (at >= 0) this.#held.splice(at, 1);
    this.#held.push(page);
    const oldest = this.#held.length > PAGES_MAX ? this.#held.shift() : undefined;
    if (oldest) oldest.lines = undefined;
  }
}
