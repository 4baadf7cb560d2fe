// Terminal colours as classes of the theme: an engine may ask for any of 16 million colours, and each is readable here in
// light and in dark.

import Anser from "anser";

/** A part of a line that looks the same throughout. */
export interface Piece {
  text: string;
  classes: string;
  /** Part of what is searched for. */
  hit: boolean;
}

type Hue = "red" | "green" | "yellow" | "blue" | "magenta" | "cyan" | "grey" | "plain";

const TEXT: Record<Hue, string> = {
  red: "text-failed",
  green: "text-succeeded",
  yellow: "text-waiting",
  blue: "text-running",
  magenta: "text-person",
  cyan: "text-development",
  grey: "text-muted",
  plain: "",
};

// A background brings its own text colour: no pair that an engine may choose is checked for contrast.
const BACKGROUND: Record<Hue, string> = {
  red: "bg-failed-soft text-failed",
  green: "bg-succeeded-soft text-succeeded",
  yellow: "bg-waiting-soft text-waiting",
  blue: "bg-running-soft text-running",
  magenta: "bg-person-soft text-person",
  cyan: "bg-running-soft text-running",
  grey: "bg-active text-ink",
  plain: "",
};

const NAMED: Record<string, Hue> = {
  red: "red",
  green: "green",
  yellow: "yellow",
  blue: "blue",
  magenta: "magenta",
  cyan: "cyan",
  // Black and white are the page's own colours in one theme or the other.
  black: "plain",
  white: "plain",
  "bright-black": "grey",
};

const PALETTE = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;

/** The nearest colour of the theme. */
export function hueOf(red: number, green: number, blue: number): Hue {
  const most = Math.max(red, green, blue);
  const least = Math.min(red, green, blue);
  const spread = most - least;
  if (spread < 40) return most > 60 && most < 190 ? "grey" : "plain";
  const turn =
    most === red
      ? ((green - blue) / spread + 6) % 6
      : most === green
        ? (blue - red) / spread + 2
        : (red - green) / spread + 4;
  if (turn < 0.5 || turn >= 5.5) return "red";
  if (turn < 1.5) return "yellow";
  if (turn < 2.5) return "green";
  if (turn < 3.5) return "cyan";
  return turn < 4.5 ? "blue" : "magenta";
}

function paletteHue(index: number): Hue {
  if (index < 16) return index === 8 ? "grey" : (NAMED[PALETTE[index % 8] ?? ""] ?? "plain");
  if (index >= 232) return hueOf((index - 232) * 10 + 8, (index - 232) * 10 + 8, (index - 232) * 10 + 8);
  const level = (value: number) => (value === 0 ? 0 : value * 40 + 55);
  const cube = index - 16;
  return hueOf(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6));
}

function hueFor(color: string | null, trueColor: string | null): Hue {
  if (!color) return "plain";
  if (color === "ansi-truecolor") {
    const [red = 0, green = 0, blue = 0] = (trueColor ?? "").split(",").map(Number);
    return hueOf(red, green, blue);
  }
  const name = color.replace("ansi-", "");
  if (name.startsWith("palette-")) return paletteHue(Number(name.slice("palette-".length)));
  return NAMED[name] ?? NAMED[name.replace("bright-", "")] ?? "plain";
}

const DECORATIONS: Record<string, string> = {
  bold: "font-semibold",
  dim: "text-muted",
  italic: "italic",
  underline: "underline",
  strikethrough: "line-through",
};

function classesOf(entry: Anser.AnserJsonEntry): string {
  const background = BACKGROUND[hueFor(entry.bg, entry.bg_truecolor)];
  const text = background ? "" : TEXT[hueFor(entry.fg, entry.fg_truecolor)];
  const reversed = entry.decorations.includes("reverse") && !background ? "bg-active" : "";
  const decorations = entry.decorations.map((decoration) =>
    // One text colour only: dimmed text that has a colour keeps that.
    decoration === "dim" && (text || background) ? "" : DECORATIONS[decoration],
  );
  return [background, text, reversed, ...decorations].filter(Boolean).join(" ");
}

const ESCAPE = "\x1b";

// Titles and links of a terminal, and the two-byte sequences: they mean nothing on a page.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const UNSEEN = /\x1b\][^\x07\x1b]*(?:\x07|\x1b\\|$)|\x1b[^[\]]/g;

/** A line's text as parts that look the same. */
export function piecesOf(text: string): Piece[] {
  if (!text.includes(ESCAPE)) return [{ text, classes: "", hit: false }];
  const entries = Anser.ansiToJson(text.replace(UNSEEN, ""), { json: true, use_classes: true });
  return entries
    .filter((entry) => entry.content !== "")
    .map((entry) => ({ text: entry.content.replaceAll(ESCAPE, "␛"), classes: classesOf(entry), hit: false }));
}

/** The line without what only colours it. */
export function plainText(text: string): string {
  return piecesOf(text)
    .map((piece) => piece.text)
    .join("");
}

/** Marks where a text occurs, in whatever case; it may lie across parts. */
export function withHits(pieces: readonly Piece[], sought: string): readonly Piece[] {
  const needle = sought.toLowerCase();
  if (!needle) return pieces;
  const whole = pieces.map((piece) => piece.text).join("");
  const hay = whole.toLowerCase();
  // Few letters change their length with their case; where one does, positions would be off.
  if (hay.length !== whole.length || !hay.includes(needle)) return pieces;
  const marked: Piece[] = [];
  let start = 0;
  let next = hay.indexOf(needle);
  for (const piece of pieces) {
    const end = start + piece.text.length;
    let at = start;
    while (at < end) {
      while (next >= 0 && next + needle.length <= at) next = hay.indexOf(needle, next + needle.length);
      const inside = next >= 0 && next <= at;
      const stop = Math.min(end, next < 0 ? end : inside ? next + needle.length : next);
      marked.push({ text: whole.slice(at, stop), classes: piece.classes, hit: inside });
      at = stop;
    }
    start = end;
  }
  return marked;
}
