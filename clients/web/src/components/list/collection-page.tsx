// The page of all objects of one kind in the administration: what they are, how to make one, and the list.

import type { DescMessage } from "@bufbuild/protobuf";
import { useNavigate } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { type ComponentType, type ReactNode, useState } from "react";
import { useLive } from "~/api/live";
import type { ObjectType } from "~/api/queries";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { EmptyState } from "~/components/empty-state";
import { Page } from "~/components/page";
import { routeOf } from "~/lib/names";
import { Button } from "~/ui/button";
import { Collection, type CollectionProps } from "./collection";

const EVERYWHERE = "businessUnits/-";

/** How an object of the kind is made. */
export interface Creation {
  /** What is made, with its article: "a team". */
  what: string;
  /** What it takes in the organization. */
  permission: string;
  /** What it takes in a business unit, for what is made in units, too: held in one of them it opens the control. */
  permissionInUnit?: string;
  /** Asks for what it takes. Told the name of what was made. */
  dialog?: ComponentType<{ onClose: () => void; onDone: (name: string) => void }>;
  /** Goes where it is made, where that is no dialog. */
  onStart?: () => void;
}

export interface CollectionPageProps<I extends DescMessage, O extends DescMessage, Row extends { name: string }>
  extends Omit<CollectionProps<I, O, Row>, "empty"> {
  title: string;
  lead: string;
  /** What the list is kept up to date with. */
  types: readonly ObjectType[];
  creation: Creation;
  /** One sentence: why nothing is here. */
  empty: string;
  /** The line of the `flagstone` command that does the same. */
  command: string;
}

export function CollectionPage<I extends DescMessage, O extends DescMessage, Row extends { name: string }>({
  title,
  lead,
  types,
  creation: { what, permission, permissionInUnit, dialog: Dialog, onStart },
  empty,
  command,
  ...collection
}: CollectionPageProps<I, O, Row>) {
  const navigate = useNavigate();
  const [isCreating, setIsCreating] = useState(false);
  useLive({ types });
  const inUnit = permissionInUnit === undefined ? [] : [{ permission: permissionInUnit, object: EVERYWHERE }];
  const checks = useChecks([{ permission, object: "" }, ...inUnit]);
  const mayInUnit = inUnit.some((check) => checks.may(check.permission, check.object));
  const reason = mayInUnit ? undefined : checks.reason(permission, "");
  const create: ReactNode = (
    <Button
      variant="primary"
      icon={<Plus aria-hidden className="size-4" />}
      reason={reason}
      onClick={onStart ?? (() => setIsCreating(true))}
    >
      Create {what.replace(/^an? /, "")}
    </Button>
  );
  return (
    <Page
      title={title}
      lead={lead}
      crumbs={[{ to: "/admin", label: "Administration" }]}
      actions={
        <>
          {create}
          {reason && <WhyNot permission={permission} object="" action={`create ${what}`} />}
        </>
      }
    >
      <Collection
        {...collection}
        empty={
          <EmptyState action={create} command={command}>
            {empty}
          </EmptyState>
        }
      />
      {isCreating && Dialog && (
        <Dialog
          onClose={() => setIsCreating(false)}
          onDone={(name) => {
            const place = routeOf(name);
            if (place) void navigate({ ...place, search: {} });
          }}
        />
      )}
    </Page>
  );
}
