// What one can do with a log: look for something, show only that, wrap, follow, download.

import { ArrowDown, ArrowDownToLine, ArrowUp, Search, WrapText } from "lucide-react";
import { type ReactNode, type Ref, useEffect, useRef, useState } from "react";
import { LogLevel } from "~/gen/flagstone/v1/job_service_pb";
import { cn } from "~/lib/cn";
import { formatNumber } from "~/lib/format";
import type { LogSearch } from "~/lib/log-search";
import { IconButton } from "~/ui/button";
import { controlClass, Select } from "~/ui/field";
import { Tooltip } from "~/ui/tooltip";

/** What of a log is looked at; it belongs in the URL. */
export interface LogAddress {
  /** Number of the selected line. */
  line?: number | undefined;
  /** Text that is searched for. */
  q?: string | undefined;
  /** Lines without the text. */
  not?: boolean | undefined;
  level?: "info" | "warning" | "error" | undefined;
  /** Only the lines that are found. */
  only?: boolean | undefined;
}

export const LEVELS = { info: LogLevel.INFO, warning: LogLevel.WARNING, error: LogLevel.ERROR } as const;

/** Longest text that the server looks for. */
const TEXT_MAX = 100;

/** How long somebody must pause typing before the server is asked. */
const PAUSE = 250;

export interface LogToolbarProps {
  address: LogAddress;
  onAddress: (change: Partial<LogAddress>) => void;
  search: LogSearch | undefined;
  /** Place of the match that one has stepped to, from 0; -1 before the first step. */
  current: number;
  /** Goes to the next match; to the first one of a search that has only begun as soon as it is found. */
  onStep: (by: 1 | -1, text?: string) => void;
  wrap: boolean;
  onWrap: () => void;
  stuck: boolean;
  onStick: () => void;
  input: Ref<HTMLInputElement>;
  children: ReactNode;
}

export function LogToolbar(props: LogToolbarProps) {
  const { address, onAddress, search, current, onStep, wrap, onWrap, stuck, onStick, input, children } = props;
  return (
    <div
      role="toolbar"
      aria-label="Log"
      className="flex min-h-11 flex-wrap items-center gap-x-2 gap-y-1 border-line border-b px-2 py-1.5"
    >
      <SearchField address={address} onAddress={onAddress} onStep={onStep} input={input} />
      <Found search={search} current={current} />
      <IconButton label="Previous match" shortcut="N" onClick={() => onStep(-1)} disabled={!search?.found.length}>
        <ArrowUp />
      </IconButton>
      <IconButton label="Next match" shortcut="n" onClick={() => onStep(1)} disabled={!search?.found.length}>
        <ArrowDown />
      </IconButton>
      <Toggle
        label="Not"
        help="Lines that do not contain the text"
        pressed={Boolean(address.not)}
        onClick={() => onAddress({ not: !address.not, only: !address.not || address.only })}
      />
      <Toggle
        label="Only matches"
        help="Hide the lines between"
        pressed={Boolean(address.only)}
        onClick={() => onAddress({ only: !address.only })}
      />
      <span className="w-44">
        <Select
          aria-label="Level"
          value={address.level ?? ""}
          onChange={(event) => {
            const level = (event.target.value || undefined) as LogAddress["level"];
            onAddress({ level, only: level !== undefined || undefined });
          }}
        >
          <option value="">All levels</option>
          <option value="info">Info and above</option>
          <option value="warning">Warnings and errors</option>
          <option value="error">Errors</option>
        </Select>
      </span>
      <div className="ml-auto flex items-center gap-2">
        <IconButton
          label={wrap ? "Do not wrap long lines" : "Wrap long lines"}
          shortcut="w"
          aria-pressed={wrap}
          onClick={onWrap}
          className="aria-pressed:bg-active aria-pressed:text-ink"
        >
          <WrapText />
        </IconButton>
        <IconButton
          label="Go to the end and follow"
          shortcut="l"
          aria-pressed={stuck}
          onClick={onStick}
          className="aria-pressed:bg-active aria-pressed:text-ink"
        >
          <ArrowDownToLine />
        </IconButton>
        {children}
      </div>
    </div>
  );
}

function SearchField({
  address,
  onAddress,
  onStep,
  input,
}: Pick<LogToolbarProps, "address" | "onAddress" | "onStep" | "input">) {
  const asked = address.q ?? "";
  const [text, setText] = useState(asked);
  const latest = useRef({ asked, onAddress });
  useEffect(() => {
    // The address changed by itself: by the back button, say.
    if (asked !== latest.current.asked) setText(asked);
    latest.current = { asked, onAddress };
  }, [asked, onAddress]);
  const ask = (sought: string) => {
    if (sought === latest.current.asked) return;
    latest.current.asked = sought;
    latest.current.onAddress({ q: sought || undefined });
  };
  useEffect(() => {
    const timer = setTimeout(ask, PAUSE, text);
    return () => clearTimeout(timer);
  });
  return (
    <span className="relative w-44 sm:w-56">
      <Search aria-hidden className="pointer-events-none absolute top-2 left-2 size-4 text-muted" />
      <input
        ref={input}
        type="search"
        aria-label="Search the log"
        placeholder="Search the log"
        value={text}
        maxLength={TEXT_MAX}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          ask(text);
          onStep(event.shiftKey ? -1 : 1, text);
        }}
        className={cn(controlClass, "pl-7")}
      />
    </span>
  );
}

function Found({ search, current }: Pick<LogToolbarProps, "search" | "current">) {
  if (!search) return null;
  return (
    <span role="status" className="text-muted text-sm tabular-nums">
      {foundWords(search, current)}
    </span>
  );
}

function foundWords({ found, done, paused, error }: LogSearch, current: number): string {
  if (error !== undefined) return "The search failed";
  const number = `${formatNumber(found.length)}${paused ? "+" : ""}`;
  if (current >= 0) return `${formatNumber(current + 1)} of ${number}`;
  if (!done && !paused) return found.length > 0 ? `${number} so far` : "Searching";
  return found.length === 0 ? "No lines" : `${number} ${found.length === 1 ? "line" : "lines"}`;
}

function Toggle(props: { label: string; help: string; pressed: boolean; onClick: () => void }) {
  const { label, help, pressed, onClick } = props;
  return (
    <Tooltip text={help}>
      <button
        type="button"
        aria-pressed={pressed}
        onClick={onClick}
        className="inline-flex h-8 items-center rounded-md border border-line-strong px-2 text-muted transition-colors hover:bg-hover aria-pressed:border-accent aria-pressed:bg-accent-soft aria-pressed:text-ink"
      >
        {label}
      </button>
    </Tooltip>
  );
}
