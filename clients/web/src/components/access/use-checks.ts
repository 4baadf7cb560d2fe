// May the caller do this to that? The server's own answer, for controls whose object is known: what somebody holds
// somewhere (`usePermissions`) does not tell of conditions, of restrictions to own teams and of what is denied.

import { createClient } from "@connectrpc/connect";
import { useTransport } from "@connectrpc/connect-query";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { AccessService } from "~/gen/flagstone/v1/access_service_pb";
import { answersOf, batches, type Check, keyOf } from "~/lib/checks";

export type { Check } from "~/lib/checks";

export interface Checks {
  /** False until the answers are there. */
  known: boolean;
  /** True while the answers to these very questions are on their way. */
  asking: boolean;
  /** Whether it is allowed; true while that is not known: the server refuses what is not. */
  may: (permission: string, object: string) => boolean;
  /** Why not, and what would help, as the reason of a disabled control; `undefined` where it is allowed or not known. */
  reason: (permission: string, object: string) => string | undefined;
}

/** Asks for all that a page offers at once. `<tier>` at the end of a permission stands for the tier of the object. */
export function useChecks(checks: readonly Check[]): Checks {
  const transport = useTransport();
  const wanted = batches(checks);
  const { data, isLoading, isPlaceholderData } = useQuery({
    // Of AccessService, like the messages that connect-query keeps: changes of rights ask again for both.
    queryKey: ["connect-query", { serviceName: AccessService.typeName, methodName: "CheckPermissions" }, wanted],
    queryFn: async ({ signal }) => {
      const client = createClient(AccessService, transport);
      const answers = await Promise.all(wanted.map((batch) => client.checkPermissions({ checks: batch }, { signal })));
      return answersOf(answers.flatMap(({ verdicts }) => verdicts));
    },
    enabled: wanted.length > 0,
    staleTime: 15_000,
    // A list that grows keeps the answers that it has.
    placeholderData: keepPreviousData,
  });
  const find = (permission: string, object: string) => data?.[keyOf({ permission, object })];
  return {
    known: data !== undefined,
    asking: isLoading || isPlaceholderData,
    may: (permission, object) => find(permission, object)?.allowed ?? true,
    reason: (permission, object) => {
      const found = find(permission, object);
      if (!found || found.allowed) return undefined;
      return [found.message, found.remedy].filter(Boolean).join(" ");
    },
  };
}
