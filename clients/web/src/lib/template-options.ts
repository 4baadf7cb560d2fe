import { useQuery } from "@connectrpc/connect-query";
import { TemplateService } from "~/gen/flagstone/v1/template_service_pb";
import type { Option } from "./filter";
import { idOf } from "./names";

/** The templates. */
export function useTemplateOptions(): readonly Option[] {
  const { data } = useQuery(TemplateService.method.listTemplates, { pageSize: 200 }, { staleTime: 60_000 });
  return (data?.templates ?? []).map(({ name, displayName }) => ({ value: name, label: displayName || idOf(name) }));
}
