import { type ReactNode, useEffect } from "react";
import { Logo } from "~/components/shell/logo";

/** The frame of the pages outside the application: where one enters it. */
export function EntryPage({ title, lead, children }: { title: string; lead?: ReactNode; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Flagstone`;
  }, [title]);
  return (
    <main className="flex min-h-dvh flex-col items-center px-4 pt-[12vh] pb-8">
      <div className="flex w-full max-w-96 flex-col gap-6">
        <header className="flex flex-col gap-2">
          <div className="flex items-center gap-2">
            <Logo />
            <h1 className="min-w-0 font-semibold text-xl">{title}</h1>
          </div>
          {lead && <div className="text-muted">{lead}</div>}
        </header>
        {children}
      </div>
    </main>
  );
}
