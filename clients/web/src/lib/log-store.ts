// The lines of a log that this page holds: those around what is looked at, and the end that grows. The rest is on the
// server.

import type { LogLine } from "./log-line";

/** Lines that are fetched and forgotten together. */
export const CHUNK = 200;

/** Most chunks, and most characters, that are held. */
const CHUNKS_MAX = 200;
const TEXT_MAX = 24_000_000;

interface Chunk {
  /** In order, from the chunk's first line. */
  lines: LogLine[];
  text: number;
}

/** The chunk of a line. */
export function chunkOf(seq: number): number {
  return Math.floor((seq - 1) / CHUNK);
}

/** The number of a chunk's first line. */
export function firstOf(chunk: number): number {
  return chunk * CHUNK + 1;
}

export class LogStore {
  /** In the order of their last use, oldest first. */
  readonly #chunks = new Map<number, Chunk>();
  #text = 0;

  /** A line, where it is held. */
  get(seq: number): LogLine | undefined {
    return this.#chunks.get(chunkOf(seq))?.lines[(seq - 1) % CHUNK];
  }

  /** How many chunks are held. */
  get size(): number {
    return this.#chunks.size;
  }

  /** Adds the next line of the end. Where the beginning of its chunk is not held, the line is left to be fetched. */
  append(line: LogLine): void {
    const index = chunkOf(line.seq);
    const chunk = this.#chunks.get(index) ?? { lines: [], text: 0 };
    if (line.seq !== firstOf(index) + chunk.lines.length) return;
    chunk.lines.push(line);
    chunk.text += line.text.length;
    this.#text += line.text.length;
    this.#hold(index, chunk);
  }

  /** Takes lines of a chunk as they were fetched, from its first on. What is already there and longer stays. */
  put(index: number, lines: readonly LogLine[]): void {
    const before = this.#chunks.get(index);
    if (before && before.lines.length >= lines.length) return;
    const text = lines.reduce((sum, line) => sum + line.text.length, 0);
    this.#text += text - (before?.text ?? 0);
    this.#hold(index, { lines: [...lines], text });
  }

  /** The chunks of these lines that are not held as far as the log goes. Those that are held become the latest used. */
  missing(first: number, last: number, end: number): number[] {
    const wanted: number[] = [];
    for (let index = chunkOf(first); index <= chunkOf(Math.min(last, end)); index += 1) {
      const chunk = this.#chunks.get(index);
      const full = Math.min(CHUNK, end - firstOf(index) + 1);
      if (chunk) this.#hold(index, chunk);
      if (!chunk || chunk.lines.length < full) wanted.push(index);
    }
    return wanted;
  }

  #hold(index: number, chunk: Chunk): void {
    this.#chunks.delete(index);
    this.#chunks.set(index, chunk);
    for (const [oldest, { text }] of this.#chunks) {
      const tooMuch = this.#chunks.size > CHUNKS_MAX || this.#text > TEXT_MAX;
      // What is looked at, and the chunk before it, stay whatever their size.
      if (!tooMuch || this.#chunks.size <= 2) break;
      this.#chunks.delete(oldest);
      this.#text -= text;
    }
  }
}
