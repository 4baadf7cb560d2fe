import { create } from "@bufbuild/protobuf";
import { describe, expect, test, vi } from "vitest";
import { JobLogLineSchema, JobState, LogLevel, LogStream } from "~/gen/flagstone/v1/job_service_pb";
import { stepsOf } from "./job-steps";
import { hueOf, piecesOf, plainText, withHits } from "./log-ansi";
import { type LogLine, readLine, textOf } from "./log-line";
import { joined, outline, type Place, type Run, withLines } from "./log-outline";
import { LogRows } from "./log-rows";
import { HEIGHT_MAX, offsetAfter, offsetMax, scrollMax, scrollOf } from "./log-scroll";
import { type AskFor, LogSearch } from "./log-search";
import { CHUNK, LogStore } from "./log-store";

const bytes = (text: string) => new TextEncoder().encode(text);

function line(seq: number, text = `line ${seq}`): LogLine {
  const { INFO: level } = LogLevel;
  const stream = LogStream.STDOUT;
  return {
    seq,
    time: seq,
    step: "apply",
    attempt: 1,
    level,
    stream,
    text,
    continued: false,
    redrawn: false,
    isGap: false,
  };
}

describe("a line", () => {
  test.each([
    ["plain\n", "plain", false],
    ["windows\r\n", "windows", false],
    ["10 %\r", "10 %", true],
    ["no end", "no end", false],
    ["", "", false],
    ["\n", "", false],
  ])("%j is shown without its ending", (data, text, redrawn) => {
    expect(readLine(create(JobLogLineSchema, { seq: 1n, data: bytes(data) }))).toMatchObject({ seq: 1, text, redrawn });
  });

  test("that is no text is shown all the same", () => {
    expect(textOf(new Uint8Array([0x62, 0xff, 0x00, 0x07, 0x7f]))).toBe("b\ufffd␀␇␡");
    expect(textOf(bytes("tab\tand \u001b[31m"))).toBe("tab\tand \u001b[31m");
  });

  test("without a step is the mark of dropped lines", () => {
    const mark = { stream: LogStream.SYSTEM, level: LogLevel.WARNING, data: bytes("… 3 lines dropped …\n") };
    expect(readLine(create(JobLogLineSchema, mark)).isGap).toBe(true);
    expect(readLine(create(JobLogLineSchema, { ...mark, step: "apply" })).isGap).toBe(false);
  });
});

describe("colours", () => {
  test("become classes of the theme", () => {
    expect(piecesOf("a \u001b[31mred\u001b[0m \u001b[1;92mgreen\u001b[0m")).toEqual([
      { text: "a ", classes: "", hit: false },
      { text: "red", classes: "text-failed", hit: false },
      { text: " ", classes: "", hit: false },
      { text: "green", classes: "text-succeeded font-semibold", hit: false },
    ]);
  });

  test("of a background bring their own text colour", () => {
    expect(piecesOf("\u001b[32;41mx")[0]?.classes).toBe("bg-failed-soft text-failed");
  });

  test.each([
    ["\u001b[38;5;9m", "text-failed"],
    ["\u001b[38;5;46m", "text-succeeded"],
    ["\u001b[38;5;244m", "text-muted"],
    ["\u001b[38;2;20;30;250m", "text-running"],
    ["\u001b[90m", "text-muted"],
    ["\u001b[37m", ""],
  ])("%j is the nearest of the theme", (code, classes) => {
    expect(piecesOf(`${code}x`)[0]?.classes).toBe(classes);
  });

  test("are in a circle", () => {
    const turn = [hueOf(255, 0, 0), hueOf(255, 255, 0), hueOf(0, 255, 0), hueOf(0, 255, 255), hueOf(0, 0, 255)];
    expect([...turn, hueOf(255, 0, 255), hueOf(255, 0, 20)]).toEqual([
      "red",
      "yellow",
      "green",
      "cyan",
      "blue",
      "magenta",
      "red",
    ]);
    expect([hueOf(0, 0, 0), hueOf(255, 255, 255), hueOf(128, 128, 128)]).toEqual(["plain", "plain", "grey"]);
  });

  test.each(["\u001b[2Kx", "\u001b]0;title\u0007x", "\u001b]8;;https://a.example\u001b\\x", "\u001b7x", "\u001b[1Ax"])(
    "%j leaves only the text",
    (text) => expect(plainText(text)).toBe("x"),
  );
});

describe("what is searched for", () => {
  const marked = (text: string, sought: string) =>
    withHits(piecesOf(text), sought)
      .map((piece) => (piece.hit ? `<${piece.text}>` : piece.text))
      .join("|");

  test.each([
    ["one two one", "one", "<one>| two |<one>"],
    ["One", "oNE", "<One>"],
    ["aaa", "aa", "<aa>|a"],
    ["none", "x", "none"],
    ["none", "", "none"],
    ["re\u001b[31md wi\u001b[0mne", "red wine", "<re>|<d wi>|<ne>"],
    ["a\u001b[31mb\u001b[0mc", "b", "a|<b>|c"],
  ])("in %j for %j is %j", (text, sought, expected) => expect(marked(text, sought)).toBe(expected));

  test("loses no text, wherever the borders lie", () => {
    const text = "ab\u001b[31mcab\u001b[0mca\u001b[1mbcabc";
    for (const sought of ["a", "ab", "abc", "bca", "cabca", "abcabcabcabc"]) {
      const whole = withHits(piecesOf(text), sought);
      expect(whole.map((piece) => piece.text).join("")).toBe(plainText(text));
    }
  });
});

/** A log whose steps have these lengths. */
function places(...lengths: [step: string, length: number, attempt?: number][]): Place[] {
  const steps = lengths.flatMap(([step, length, attempt = 1]) => Array.from({ length }, () => ({ step, attempt })));
  return steps.map((place, index) => ({ ...place, seq: index + 1, time: (index + 1) * 10 }));
}

function outlineOf(all: Place[]): Promise<Run[]> {
  return outline(all[0] as Place, all.at(-1) as Place, async (seq) => all[seq - 1] as Place);
}

describe("the outline", () => {
  test.each([
    [places(["init", 1])],
    [places(["init", 2])],
    [places(["init", 1], ["plan", 1])],
    [places(["setup", 3], ["init", 40], ["apply", 900])],
    [places(["setup", 3], ["init", 40], ["setup", 2, 2], ["init", 9, 2], ["apply", 100, 2])],
  ])("is found with few lines, and is the one that all lines give", async (all) => {
    expect(await outlineOf(all)).toEqual(withLines([], all));
  });

  test("of a million lines takes few reads", async () => {
    const borders = { setup: 1, init: 13, apply: 313 };
    const read = vi.fn(async (seq: number): Promise<Place> => {
      const step = seq < borders.init ? "setup" : seq < borders.apply ? "init" : "apply";
      return { seq, attempt: 1, step, time: seq };
    });
    const runs = await outline(await read(1), await read(1_000_000), read);
    expect(runs.map(({ step, first, last }) => [step, first, last])).toEqual([
      ["setup", 1, 12],
      ["init", 13, 312],
      ["apply", 313, 1_000_000],
    ]);
    expect(read.mock.calls.length).toBeLessThan(60);
  });

  test("takes the mark of dropped lines for a part of its step", async () => {
    const all = places(["init", 4], ["apply", 20], ["", 1], ["apply", 20]);
    const runs = await outlineOf(all);
    expect(runs.map(({ first, last }) => [first, last])).toEqual([
      [1, 4],
      [5, 45],
    ]);
    expect(withLines([], all)).toEqual(runs);
  });

  test("goes on where it was cut", () => {
    const all = places(["init", 5], ["apply", 5]);
    for (let cut = 0; cut <= all.length; cut += 1) {
      const [before, after] = [all.slice(0, cut), all.slice(cut)];
      expect(withLines(withLines([], before), after)).toEqual(withLines([], all));
      expect(joined(withLines([], before), withLines([], after))).toEqual(withLines([], all));
    }
  });
});

describe("rows", () => {
  const runs = withLines([], places(["init", 3], ["apply", 2]));

  test("are headings, lines and the end", () => {
    const rows = new LogRows(runs, new Set(), true);
    const kinds = Array.from({ length: rows.count }, (_, row) => rows.at(row));
    expect(kinds.map((row) => (row.kind === "line" ? row.seq : row.kind))).toEqual([
      "step",
      1,
      2,
      3,
      "step",
      4,
      5,
      "end",
    ]);
    expect([1, 3, 4, 5].map((seq) => rows.rowOf(seq))).toEqual([1, 3, 5, 6]);
  });

  test("of a folded step are its heading", () => {
    const rows = new LogRows(runs, new Set(["1/init/1"]), false);
    expect(rows.count).toBe(4);
    expect(rows.at(0)).toMatchObject({ kind: "step", folded: true });
    expect([1, 3, 4].map((seq) => rows.rowOf(seq))).toEqual([0, 0, 2]);
  });
});

describe("the lines that are held", () => {
  const chunk = (index: number) => Array.from({ length: CHUNK }, (_, at) => line(index * CHUNK + at + 1));

  test("are those that were appended and fetched", () => {
    const store = new LogStore();
    store.put(0, chunk(0));
    for (let seq = CHUNK + 1; seq <= CHUNK + 3; seq += 1) store.append(line(seq));
    expect([1, CHUNK, CHUNK + 3].map((seq) => store.get(seq)?.seq)).toEqual([1, CHUNK, CHUNK + 3]);
    expect(store.get(CHUNK + 4)).toBeUndefined();
    expect(store.missing(1, CHUNK + 3, CHUNK + 3)).toEqual([]);
    expect(store.missing(1, 3 * CHUNK, 3 * CHUNK)).toEqual([1, 2]);
  });

  test("have no gap: what follows a chunk that is not held is left to be fetched", () => {
    const store = new LogStore();
    store.append(line(7));
    expect(store.get(7)).toBeUndefined();
    store.append(line(1));
    store.append(line(1));
    store.append(line(2));
    expect([1, 2, 3].map((seq) => store.get(seq)?.seq)).toEqual([1, 2, undefined]);
  });

  test("do not lose the end to an older answer", () => {
    const store = new LogStore();
    for (let seq = 1; seq <= 10; seq += 1) store.append(line(seq));
    store.put(0, chunk(0).slice(0, 4));
    expect(store.get(10)?.seq).toBe(10);
  });

  test("are few, whatever the length of the log", () => {
    const store = new LogStore();
    for (let index = 0; index < 600; index += 1) store.put(index, chunk(index));
    expect(store.size).toBeLessThanOrEqual(200);
    expect(store.get(600 * CHUNK)).toBeDefined();
    const long = new LogStore();
    for (let seq = 1; seq <= 8 * CHUNK; seq += 1) long.append(line(seq, "x".repeat(32_768)));
    expect(long.size).toBeLessThanOrEqual(4);
  });
});

describe("scrolling", () => {
  const small = { total: 2_000, view: 500 };
  const large = { total: 20_000_000, view: 600 };

  test("is one to one where the browser can lay it out", () => {
    expect(offsetAfter(0, 0, 700, small)).toBe(700);
    expect(scrollOf(700, small)).toBe(700);
    expect(offsetAfter(700, 700, 9_999, small)).toBe(offsetMax(small));
    expect(scrollOf(0, { total: 100, view: 500 })).toBe(0);
  });

  test("moves as far as it looks, and reaches both ends", () => {
    expect(offsetAfter(5_000_000, 3_000_000, 3_000_120, large)).toBe(5_000_120);
    expect(offsetAfter(5_000_000, 100, 0, large)).toBe(0);
    expect(offsetAfter(5_000_000, 3_000_000, scrollMax(large), large)).toBe(offsetMax(large));
    expect(scrollMax(large)).toBe(HEIGHT_MAX - 600);
  });

  test("by the bar goes to the same share of the log, and back", () => {
    const to = scrollMax(large) / 4;
    const offset = offsetAfter(0, 0, to, large);
    expect(offset).toBeCloseTo(offsetMax(large) / 4, 3);
    expect(scrollOf(offset, large)).toBeCloseTo(to, 3);
  });
});

describe("a search", () => {
  /** A server that finds every `nth` of `length` lines. */
  const server = (length: number, nth: number, log = { end: length }): AskFor => {
    return async (from, size) => {
      const after = "token" in from ? Number(from.token) : from.after;
      const lines: LogLine[] = [];
      for (let seq = (Math.floor(after / nth) + 1) * nth; seq <= log.end && lines.length < size; seq += nth) {
        lines.push(line(seq));
      }
      const last = lines.at(-1)?.seq ?? log.end;
      const next = last + nth <= log.end ? String(last) : "";
      return { lines, next, lastSeq: log.end };
    };
  };

  test("finds all there is, page by page", async () => {
    const search = new LogSearch(server(9_000, 3), () => undefined);
    await search.run();
    expect(search.found.length).toBe(3_000);
    expect(search.done).toBe(true);
    expect(search.line(2_999)?.seq).toBe(9_000);
    expect([1, 3, 4, 9_999].map((seq) => search.indexFrom(seq))).toEqual([0, 0, 1, 2_999]);
  });

  test("stops when it has enough, and goes on where somebody looks", async () => {
    const search = new LogSearch(server(50_000, 1), () => undefined);
    await search.run();
    expect([search.found.length, search.paused, search.done]).toEqual([10_000, true, false]);
    await search.want(9_980, 9_999);
    await vi.waitFor(() => expect(search.found.length).toBe(20_000));
  });

  test("fetches again what it no longer holds", async () => {
    const search = new LogSearch(server(40_000, 1), () => undefined);
    await search.run(40_000);
    expect(search.line(10)).toBeUndefined();
    await search.want(0, 20);
    expect(search.line(10)?.seq).toBe(11);
  });

  test("looks through what is new, once", async () => {
    const log = { end: 100 };
    const search = new LogSearch(server(100, 10, log), () => undefined);
    await search.run();
    await search.grown(100);
    expect(search.found.length).toBe(10);
    log.end = 205;
    await search.grown(205);
    expect(search.found.slice(-2)).toEqual([190, 200]);
    expect(new Set(search.found).size).toBe(20);
  });

  test("keeps what it found when the server fails", async () => {
    let fails = false;
    const good = server(5_000, 1);
    const search = new LogSearch(
      (from, size) => (fails ? Promise.reject(new Error("cut")) : good(from, size)),
      () => {
        fails = true;
      },
    );
    await search.run();
    expect([search.found.length, search.error instanceof Error]).toEqual([1_000, true]);
    fails = false;
    await search.run();
    expect(search.found[1_000]).toBe(1_001);
  });
});

describe("steps", () => {
  const runs = withLines([], places(["init", 2], ["apply", 3], ["init", 1, 2]));

  test("last until the next one, and fail where another attempt follows", () => {
    const steps = stepsOf(runs, JobState.RUNNING, 1_000, undefined);
    expect(steps.map(({ state, took }) => [state, took])).toEqual([
      ["done", 20],
      ["failed", 20],
      ["running", 940],
    ]);
  });

  test.each([
    [JobState.SUCCEEDED, "done"],
    [JobState.FAILED, "failed"],
    [JobState.RETRY_WAIT, "failed"],
    [JobState.CANCELLED, "stopped"],
    [JobState.CANCELLING, "running"],
  ])("end as the job does: %s is %s", (state, expected) => {
    expect(stepsOf(runs, state, 1_000, 500).at(-1)?.state).toBe(expected);
  });
});
