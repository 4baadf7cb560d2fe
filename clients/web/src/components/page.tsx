import { Link } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";
import type { Place } from "~/lib/names";
import { CopyButton } from "./copy-button";

export interface PageProps {
  title: string;
  /** What stands in the tab of the browser; the title where left out. */
  tab?: string;
  /** Beside the title: badges. */
  badges?: ReactNode;
  /** Below the title: the answer in one sentence. */
  lead?: ReactNode;
  /** On the right: what can be done. */
  actions?: ReactNode;
  /** The way here, without the page itself. */
  crumbs?: readonly (Place & { label: string })[];
  /** The object's resource name, to copy. */
  name?: string;
  children: ReactNode;
}

/** The frame of every page: where one is, what it is, what one can do. */
export function Page({ title, tab, badges, lead, actions, crumbs, name, children }: PageProps) {
  useEffect(() => {
    document.title = `${tab ?? title} · Flagstone`;
  }, [tab, title]);
  return (
    <div className="mx-auto flex w-full max-w-[1440px] flex-col gap-4 px-4 py-4 md:px-6">
      <header className="flex flex-col gap-1">
        {crumbs && (
          <nav aria-label="Breadcrumb" className="flex flex-wrap items-center gap-1 text-muted text-sm">
            {crumbs.map(({ label, ...place }) => (
              <span key={label} className="inline-flex items-center gap-1">
                <Link {...place} className="hover:text-ink hover:underline">
                  {label}
                </Link>
                <span aria-hidden>/</span>
              </span>
            ))}
            {name && <CopyButton text={name} label="Copy the resource name" />}
          </nav>
        )}
        <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
          <div className="flex min-w-0 flex-wrap items-center gap-2">
            <h1 className="min-w-0 font-semibold text-xl" dir="auto">
              {title}
            </h1>
            {badges}
          </div>
          {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
        </div>
        {lead && <div className="max-w-4xl text-muted">{lead}</div>}
      </header>
      {children}
    </div>
  );
}

/** A part of a page under a heading. */
export function Section({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <section className="flex min-w-0 flex-col gap-2" aria-label={title}>
      <div className="flex min-h-7 items-center justify-between gap-2">
        <h2 className="font-semibold text-lg">{title}</h2>
        {actions}
      </div>
      {children}
    </section>
  );
}

/** Names and values, one line each. */
export function Facts({ facts }: { facts: readonly (readonly [string, ReactNode] | false | undefined)[] }) {
  return (
    <dl className="grid grid-cols-[minmax(96px,auto)_minmax(0,1fr)] gap-x-4 gap-y-1.5">
      {facts.map(
        (fact) =>
          fact && (
            <div key={fact[0]} className="contents">
              <dt className="text-muted">{fact[0]}</dt>
              <dd className="min-w-0">{fact[1]}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

/** Grey bars where content will be. */
export function Skeleton({ lines = 6 }: { lines?: number }) {
  return (
    <div role="status" aria-label="Loading" className="flex flex-col gap-3 py-1">
      {Array.from({ length: lines }, (_, line) => (
        <div
          // biome-ignore lint/suspicious/noArrayIndexKey: the bars have nothing else to tell them apart
          key={line}
          className="h-4 animate-pulse rounded-sm bg-active"
          style={{ width: `${92 - ((line * 17) % 45)}%` }}
        />
      ))}
    </div>
  );
}
