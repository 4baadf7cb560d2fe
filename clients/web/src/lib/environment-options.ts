import { useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { EnvironmentService } from "~/gen/flagstone/v1/environment_service_pb";
import type { Option } from "./filter";
import { idOf, unitOf } from "./names";
import { ALL_UNITS } from "./unit";

/** The environments of a list's units; with all units, each says its own. */
export function useEnvironmentOptions(parent: string | undefined): readonly Option[] {
  const { data } = useQuery(
    EnvironmentService.method.listEnvironments,
    parent === undefined ? skipToken : { parent, pageSize: 200 },
    { staleTime: 60_000 },
  );
  const isAll = parent === `businessUnits/${ALL_UNITS}`;
  return (data?.environments ?? []).map(({ name, displayName }) => {
    const label = displayName || idOf(name);
    return { value: name, label: isAll ? `${label} (${unitOf(name)})` : label };
  });
}
