// Which rows of a long list are in view, where all rows have one height and the window scrolls. A library that measures
// rows would be nine of the 250 kB that a first load may take; rows of one height need a division.

import { useCallback, useSyncExternalStore } from "react";

/** Rows that are drawn beyond the view, on each side. */
const OVERSCAN = 12;

interface WindowRows {
  /** Index of the first row to draw. */
  first: number;
  /** Index after the last row to draw. */
  end: number;
  /** Index of the first row in view. */
  top: number;
  /** Brings a row into view, if it is not there. */
  show: (index: number) => void;
}

function subscribe(listener: () => void): () => void {
  window.addEventListener("scroll", listener, { passive: true });
  window.addEventListener("resize", listener, { passive: true });
  return () => {
    window.removeEventListener("scroll", listener);
    window.removeEventListener("resize", listener);
  };
}

/** `top` is where the first row begins in the document, `covered` what lies over the top of the window, in pixels. */
export function useWindowRows(rows: { count: number; height: number; top: number; covered: number }): WindowRows {
  const { count, height, top, covered } = rows;
  // Whole rows: between two of them nothing is drawn anew.
  const scrolled = useSyncExternalStore(subscribe, () => Math.floor((window.scrollY + covered - top) / height));
  const fitting = useSyncExternalStore(subscribe, () => Math.ceil(window.innerHeight / height));
  const show = useCallback(
    (index: number) => {
      const start = top + index * height;
      const end = start + height - window.innerHeight;
      if (start - covered < window.scrollY) window.scrollTo({ top: start - covered });
      else if (end > window.scrollY) window.scrollTo({ top: end });
    },
    [height, top, covered],
  );
  const seen = Math.min(Math.max(scrolled, 0), Math.max(count - 1, 0));
  return {
    first: Math.max(seen - OVERSCAN, 0),
    end: Math.min(seen + fitting + OVERSCAN, count),
    top: seen,
    show,
  };
}
