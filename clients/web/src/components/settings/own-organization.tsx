import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { useChecks } from "~/components/access/use-checks";
import { EditOrganization } from "~/components/organization/organization-form";
import { Facts, Section } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { OrganizationService } from "~/gen/flagstone/v1/organization_service_pb";
import { Button } from "~/ui/button";

const UPDATE = "platform:organizations:update";

/** What people call the caller's organization. */
export function OwnOrganization() {
  const [isEditing, setIsEditing] = useState(false);
  const query = useQuery(OrganizationService.method.getCurrentOrganization, {});
  const reason = useChecks([{ permission: UPDATE, object: "" }]).reason(UPDATE, "");
  return (
    <Section
      title="Name and logo"
      actions={
        <Button size="sm" reason={reason ?? (!query.data && "It is being read.")} onClick={() => setIsEditing(true)}>
          Change organization
        </Button>
      }
    >
      <QueryView query={query} title="The organization could not be read" lines={3}>
        {(organization) => (
          <>
            <Facts
              facts={[
                [
                  "Name",
                  <span key="name" className="break-words" dir="auto">
                    {organization.displayName}
                  </span>,
                ],
                [
                  "Description",
                  <span key="description" className="break-words" dir="auto">
                    {organization.description || <span className="text-muted">None</span>}
                  </span>,
                ],
                [
                  "Logo",
                  <span key="logo" className="break-all">
                    {organization.logoUrl || <span className="text-muted">None</span>}
                  </span>,
                ],
              ]}
            />
            {isEditing && <EditOrganization organization={organization} onClose={() => setIsEditing(false)} />}
          </>
        )}
      </QueryView>
    </Section>
  );
}
