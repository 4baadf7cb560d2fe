// The window over a log's rows. Only the rows in view exist; they stand in an element that does not move, so that a fast
// scroll shows the rows of a moment ago and never a blank.

import {
  type ReactNode,
  type Ref,
  useCallback,
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { cn } from "~/lib/cn";
import { type Extent, heightOf, offsetAfter, offsetMax, scrollMax, scrollOf } from "~/lib/log-scroll";
import { ROW } from "./log-row";

/** How long after the last movement the scroll bar is put where the offset is. */
const SETTLE = 150;

export interface LogViewportHandle {
  /** Brings a row into the middle of the view, unless it is in view. */
  show: (row: number) => void;
  /** Stays where it is, also while the log grows. */
  hold: () => void;
  focus: () => void;
}

export interface LogViewportProps {
  label: string;
  count: number;
  renderRow: (row: number) => ReactNode;
  /** The rows that are in view have changed. */
  onView: (first: number, last: number) => void;
  /** Whether the view is at the end, and stays there. */
  stuck: boolean;
  onStuck: (stuck: boolean) => void;
  wrap: boolean;
  /** Width of the longest row seen, in characters: the horizontal bar must not jump. */
  columns: number;
  onKeyDown?: (event: React.KeyboardEvent) => void;
  handle: Ref<LogViewportHandle>;
}

export function LogViewport(props: LogViewportProps) {
  const { label, count, renderRow, onView, stuck, onStuck, wrap, columns, onKeyDown, handle } = props;
  const frame = useRef<HTMLDivElement>(null);
  const rows = useRef<HTMLDivElement>(null);
  const [view, setView] = useState(0);
  const [offset, setOffset] = useState(0);
  /** Where the scroll bar stood when we last looked, or put it. */
  const bar = useRef(0);
  const settle = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);

  // Rows that wrap are scrolled one by one: their heights are not known, so the last one may come to the top.
  const total = wrap ? Math.max(0, count - 1) * ROW + view : count * ROW;
  const extent: Extent = { total, view };

  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    const measure = () => setView(element.clientHeight);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const putBar = useCallback((to: number) => {
    const element = frame.current;
    if (!element || Math.abs(element.scrollTop - to) < 1) return;
    element.scrollTop = to;
    bar.current = element.scrollTop;
  }, []);

  const at = stuck ? offsetMax(extent) : Math.min(offset, offsetMax(extent));
  // While it sticks to the end, the bar follows.
  useLayoutEffect(() => {
    if (stuck) putBar(scrollMax({ total, view }));
  }, [stuck, total, view, putBar]);

  const perView = Math.ceil(view / ROW) + 1;
  const fromEnd = stuck && wrap;
  const first = fromEnd ? Math.max(0, count - perView) : Math.floor(at / ROW);
  const last = Math.min(count, first + perView) - 1;
  useEffect(() => {
    if (last >= first) onView(first, last);
  });

  const move = (next: number) => {
    setOffset(next);
    clearTimeout(settle.current);
    settle.current = setTimeout(() => putBar(scrollOf(next, extent)), SETTLE);
  };
  useEffect(() => () => clearTimeout(settle.current), []);

  const onScroll = () => {
    const element = frame.current;
    if (!element) return;
    const from = bar.current;
    const to = element.scrollTop;
    bar.current = to;
    if (Math.abs(to - from) < 1) return;
    // Shorter content pulls the bar up: that is nobody's wish to leave the end.
    const isPulled = to < from && to >= element.scrollHeight - element.clientHeight - 1;
    if (stuck && (to > from || isPulled)) return;
    // Rows that wrap are not where their number says while the view is at the end.
    const begin = fromEnd ? firstInView(rows.current, first) * ROW : at;
    const next = offsetAfter(begin, from, to, extent);
    const isEnd = wrap ? endsInView(rows.current, last, count) : next >= offsetMax(extent) - 1;
    if (isEnd && to > from) {
      onStuck(true);
    } else {
      if (stuck) onStuck(false);
      move(next);
    }
  };

  useImperativeHandle(handle, () => ({
    show: (row) => {
      const isInView = !fromEnd && row * ROW >= at && (row + 1) * ROW <= at + view;
      if (isInView) return;
      const next = Math.max(0, Math.min(row * ROW - (wrap ? ROW * 3 : (view - ROW) / 2), offsetMax(extent)));
      onStuck(false);
      setOffset(next);
      putBar(scrollOf(next, extent));
    },
    hold: () => {
      if (!stuck) return;
      onStuck(false);
      setOffset(fromEnd ? firstInView(rows.current, first) * ROW : at);
    },
    focus: () => frame.current?.focus(),
  }));

  const visible = [];
  for (let row = first; row <= last; row += 1) visible.push(renderRow(row));
  return (
    <div
      ref={frame}
      role="log"
      aria-live="off"
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
      tabIndex={0}
      onScroll={onScroll}
      onKeyDown={onKeyDown}
      className={cn(
        "h-full overflow-y-scroll overscroll-contain font-mono text-sm leading-5 [font-variant-ligatures:none] [overflow-wrap:normal] [scrollbar-gutter:stable]",
        wrap ? "overflow-x-hidden" : "overflow-x-auto",
      )}
    >
      <div
        style={{ height: heightOf(extent), minWidth: "100%", width: wrap ? undefined : `calc(${columns}ch + 88px)` }}
      >
        <div className="sticky top-0 overflow-y-clip" style={{ height: Math.min(view, heightOf(extent)) }}>
          <div
            ref={rows}
            className={cn(fromEnd && "absolute inset-x-0 bottom-0 min-h-full")}
            style={fromEnd || wrap ? undefined : { transform: `translateY(${-(at % ROW)}px)` }}
          >
            {visible}
          </div>
        </div>
      </div>
    </div>
  );
}

/** The first row that is wholly in view, where rows stand from the end. */
function firstInView(rows: HTMLElement | null, first: number): number {
  const top = rows?.parentElement?.getBoundingClientRect().top ?? 0;
  const children = [...(rows?.children ?? [])];
  return (
    first +
    Math.max(
      0,
      children.findIndex((child) => child.getBoundingClientRect().top >= top - 1),
    )
  );
}

/** Whether the last row of all is wholly in view. */
function endsInView(rows: HTMLElement | null, last: number, count: number): boolean {
  const clip = rows?.parentElement?.getBoundingClientRect().bottom ?? 0;
  return last === count - 1 && (rows?.lastElementChild?.getBoundingClientRect().bottom ?? 0) <= clip + 1;
}
