import { useInfiniteQuery } from "@connectrpc/connect-query";
import { useNavigate } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useChecks } from "~/components/access/use-checks";
import { EmptyState } from "~/components/empty-state";
import { CreateGroup } from "~/components/group/group-form";
import { compactGroup, GROUP_COLUMNS } from "~/components/group/group-list";
import { PagedTable } from "~/components/list/paged-table";
import { Section } from "~/components/page";
import { GroupService } from "~/gen/flagstone/v1/group_service_pb";
import { paged, useListed } from "~/lib/listed";
import { routeOf } from "~/lib/names";
import { Button } from "~/ui/button";

const OF_ALL = "platform:groups:create";
const CREATE = "business_unit:groups:create";
/** The page says whose they are. */
const COLUMNS = GROUP_COLUMNS.filter(({ id }) => id !== "where");

/** The groups of a business unit. */
export function UnitGroups({ unit }: { unit: string }) {
  const navigate = useNavigate();
  const [isCreating, setIsCreating] = useState(false);
  const checks = useChecks([
    { permission: OF_ALL, object: "" },
    { permission: CREATE, object: unit },
  ]);
  const reason = checks.may(OF_ALL, "") ? undefined : checks.reason(CREATE, unit);
  const method = GroupService.method.listGroups;
  const input = { parent: unit, pageSize: 50, pageToken: "" };
  const list = useListed(method, input, useInfiniteQuery(method, input, paged), (page) => page.groups);
  return (
    <Section
      title="Groups"
      actions={
        <Button
          size="sm"
          icon={<Plus aria-hidden className="size-4" />}
          reason={reason}
          onClick={() => setIsCreating(true)}
        >
          Create group
        </Button>
      }
    >
      <PagedTable
        label="Groups"
        noun="groups"
        list={list}
        columns={COLUMNS}
        compact={compactGroup}
        rowKey={({ name }) => name}
        place={({ name }) => routeOf(name)}
        empty={<EmptyState>This business unit has no group of its own.</EmptyState>}
      />
      {isCreating && (
        <CreateGroup
          unit={unit}
          onClose={() => setIsCreating(false)}
          onDone={(name) => {
            const place = routeOf(name);
            if (place) void navigate(place);
          }}
        />
      )}
    </Section>
  );
}
