import { lazy, Suspense, useState } from "react";
import { QuestionForm } from "./question-form";

const WhyPanel = lazy(() => import("./why-panel"));

/** Asks about any permission and any object, also where no control led to it (R054). */
export function AskWhy() {
  const [asked, setAsked] = useState<{ permission: string; object: string }>();
  return (
    <>
      <QuestionForm onAsk={setAsked} />
      {asked && (
        <Suspense>
          <WhyPanel about={asked} onClose={() => setAsked(undefined)} />
        </Suspense>
      )}
    </>
  );
}
