// The steps of a log: which lines belong to which, and how long each took. Of a log of a million lines only those around
// the borders are read.

/** A line, as far as the outline needs it. */
export interface Place {
  seq: number;
  attempt: number;
  /** Empty on the mark of dropped lines, which belongs to the step around it. */
  step: string;
  time: number;
}

/** Lines of one step of one attempt. */
export interface Run {
  attempt: number;
  step: string;
  first: number;
  last: number;
  /** When its first and its last line were printed. */
  start: number;
  end: number;
}

/** Tells the runs of a log apart. */
export function runKey(run: Run): string {
  return `${run.attempt}/${run.step}/${run.first}`;
}

function isSame(run: { attempt: number; step: string }, place: Place): boolean {
  return place.step === "" || (run.step === place.step && run.attempt === place.attempt);
}

/** The runs with the next lines. */
export function withLines(runs: readonly Run[], places: readonly Place[]): readonly Run[] {
  const grown = runs.map((run) => ({ ...run }));
  for (const place of places) {
    const last = grown.at(-1);
    if (last && isSame(last, place)) {
      last.last = place.seq;
      last.end = place.time;
    } else {
      const { attempt, step, seq, time } = place;
      grown.push({ attempt, step, first: seq, last: seq, start: time, end: time });
    }
  }
  return grown;
}

/** Puts runs that follow one another together; where the border lies within a step, the two halves become one run. */
export function joined(before: readonly Run[], after: readonly Run[]): readonly Run[] {
  const [next, ...rest] = after;
  const last = before.at(-1);
  if (!next || !last || last.step !== next.step || last.attempt !== next.attempt) return [...before, ...after];
  return [...before.slice(0, -1), { ...last, last: next.last, end: next.end }, ...rest];
}

/** The runs between two lines, both included. `read` gives one line by its number. */
export async function outline(first: Place, last: Place, read: (seq: number) => Promise<Place>): Promise<Run[]> {
  const borders = await bordersBetween(first, last, read, true);
  const runs: Run[] = [];
  let begin = first;
  for (const [end, next] of borders) {
    runs.push(runOf(begin, end));
    begin = next;
  }
  runs.push(runOf(begin, last));
  return runs;
}

function runOf(first: Place, last: Place): Run {
  const { attempt, step } = first;
  return { attempt, step, first: first.seq, last: last.seq, start: first.time, end: last.time };
}

async function bordersBetween(
  low: Place,
  high: Place,
  read: (seq: number) => Promise<Place>,
  isWhole: boolean,
): Promise<[Place, Place][]> {
  if (high.seq - low.seq <= 1) return isSame(low, high) ? [] : [[low, high]];
  // A step may come back at the end of a log, where the runner says why it failed: the whole is looked into once.
  if (isSame(low, high) && !isWhole) return [];
  const found = await read(Math.floor((low.seq + high.seq) / 2));
  const middle = found.step === "" ? { ...found, step: low.step, attempt: low.attempt } : found;
  const [left, right] = await Promise.all([
    bordersBetween(low, middle, read, false),
    bordersBetween(middle, high, read, false),
  ]);
  return [...left, ...right];
}
