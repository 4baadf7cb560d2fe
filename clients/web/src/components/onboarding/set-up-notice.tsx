import { useQuery } from "@connectrpc/connect-query";
import { Link } from "@tanstack/react-router";
import { Notice } from "~/components/notice";
import { OrganizationService } from "~/gen/flagstone/v1/organization_service_pb";
import { usePermissions } from "~/lib/me";
import { isOpen, stepsOf } from "~/lib/onboarding";

/** Leads those who may set the organization up back to its first run, until that is done. */
export function SetUpNotice() {
  const { holds } = usePermissions();
  const enabled = holds("platform:organizations:manage_settings");
  const { data } = useQuery(OrganizationService.method.getOnboarding, {}, { enabled, staleTime: 60_000 });
  if (!data || data.complete) return null;
  const steps = stepsOf(data.steps);
  const next = steps.find(isOpen);
  if (!next) return null;
  return (
    <Notice title={`Setting up: ${steps.filter((step) => !isOpen(step)).length} of ${steps.length} steps are done`}>
      <Link to="/welcome" className="text-accent-strong hover:underline">
        Go on with: {next.title.toLowerCase()}
      </Link>
    </Notice>
  );
}
