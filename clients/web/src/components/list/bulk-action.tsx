// One action on many objects: what it would do, then what became of each. One that is refused does not stop the others.

import { create } from "@bufbuild/protobuf";
import { useQuery } from "@tanstack/react-query";
import { CircleCheck, CircleX } from "lucide-react";
import { type ReactNode, useState } from "react";
import { problemOf } from "~/api/errors";
import { EffectsPreview } from "~/components/effects-preview";
import { Skeleton } from "~/components/page";
import { type Effects, EffectsSchema } from "~/gen/flagstone/v1/effects_pb";
import { formatNumber } from "~/lib/format";
import { Button } from "~/ui/button";
import { Dialog } from "~/ui/dialog";

/** What happened to one object: nothing where it worked. */
interface Outcome {
  key: string;
  refusal: string | undefined;
}

export interface BulkActionProps<Item> {
  title: string;
  description: string;
  /** The button that does it, for so many: "Cancel 3 jobs". */
  verb: (number: number) => string;
  items: readonly Item[];
  keyOf: (item: Item) => string;
  labelOf: (item: Item) => ReactNode;
  /** Calls the server for one object. A dry run answers with its effects. */
  call: (item: Item, requestId: string, validateOnly: boolean) => Promise<Effects | undefined>;
  onClose: () => void;
  danger?: boolean;
}

export function BulkAction<Item>({
  title,
  description,
  verb,
  items,
  keyOf,
  labelOf,
  call,
  onClose,
  danger,
}: BulkActionProps<Item>) {
  // What the dialog was opened for: the list goes on living behind it.
  const [targets] = useState(items);
  // One id for each object, so that a second try is the same call to the server.
  const [ids] = useState(() => new Map(items.map((item) => [keyOf(item), crypto.randomUUID() as string])));
  const [outcomes, setOutcomes] = useState<readonly Outcome[]>();
  const [isRunning, setIsRunning] = useState(false);
  const dryRun = useQuery({
    queryKey: ["dry-run", title, ...ids.values()],
    queryFn: async () => {
      const answers: { effects: Effects | undefined; outcome: Outcome }[] = [];
      for (const item of targets) {
        const outcome = (refusal?: string) => ({ key: keyOf(item), refusal });
        // The id of a dry run is its own: it is not the call that follows.
        answers.push(
          await call(item, crypto.randomUUID(), true).then(
            (effects) => ({ effects, outcome: outcome() }),
            (error: unknown) => ({ effects: undefined, outcome: outcome(problemOf(error).message) }),
          ),
        );
      }
      return answers;
    },
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const refused = dryRun.data?.map(({ outcome }) => outcome).filter(({ refusal }) => refusal) ?? [];
  const possible = targets.filter((item) => !refused.some(({ key }) => key === keyOf(item)));
  const isPossible = dryRun.data !== undefined && possible.length > 0;

  const run = async () => {
    setIsRunning(true);
    const done: Outcome[] = [...refused];
    for (const item of possible) {
      const key = keyOf(item);
      const refusal = await call(item, ids.get(key) ?? "", false).then(
        () => undefined,
        (error: unknown) => problemOf(error).message,
      );
      done.push({ key, refusal });
      setOutcomes([...done]);
    }
    setIsRunning(false);
  };
  const list = (shown: readonly Outcome[]) => (
    <ul className="flex flex-col gap-1.5">
      {targets.map((item) => {
        const outcome = shown.find(({ key }) => key === keyOf(item));
        return (
          outcome && (
            <li key={outcome.key} className="flex items-start gap-2">
              {outcome.refusal ? (
                <CircleX aria-hidden className="mt-0.5 size-4 shrink-0 text-failed" />
              ) : (
                <CircleCheck aria-hidden className="mt-0.5 size-4 shrink-0 text-succeeded" />
              )}
              <span className="min-w-0">
                {labelOf(item)}
                <span className="text-muted">: {outcome.refusal ?? "done"}</span>
              </span>
            </li>
          )
        );
      })}
    </ul>
  );
  const effects = dryRun.data?.flatMap((answer) => answer.effects ?? []) ?? [];
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={title}
      description={description}
      dismissible={!isRunning}
      footer={
        outcomes && !isRunning ? (
          <Button variant="primary" onClick={onClose}>
            Close
          </Button>
        ) : (
          <>
            <Button onClick={onClose} reason={isRunning && "It is under way."}>
              Go back
            </Button>
            <Button
              variant={danger ? "danger" : "primary"}
              busy={
                isRunning &&
                `${formatNumber((outcomes?.length ?? refused.length) - refused.length)} of ${formatNumber(possible.length)} done`
              }
              reason={!isPossible && (dryRun.data ? "The server refuses all of them." : "Waits for the dry run.")}
              onClick={() => void run()}
            >
              {verb(isPossible ? possible.length : targets.length)}
            </Button>
          </>
        )
      }
    >
      <div className="flex flex-col gap-4" aria-live="polite">
        {outcomes ? (
          list(outcomes)
        ) : dryRun.data === undefined ? (
          <Skeleton lines={Math.min(targets.length + 1, 6)} />
        ) : (
          <>
            {isPossible && (
              <EffectsPreview
                effects={create(EffectsSchema, {
                  changes: effects.flatMap(({ changes }) => changes),
                  approvals: effects.flatMap(({ approvals }) => approvals),
                  jobs: effects.flatMap(({ jobs }) => jobs),
                })}
              />
            )}
            {refused.length > 0 && (
              <section className="flex flex-col gap-2" aria-label="Refused">
                <h3 className="font-semibold">Would be refused</h3>
                {list(refused)}
              </section>
            )}
          </>
        )}
      </div>
    </Dialog>
  );
}
