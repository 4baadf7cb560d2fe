import { createFileRoute } from "@tanstack/react-router";
import { CollectionPage } from "~/components/list/collection-page";
import { CreateOrganization } from "~/components/organization/organization-form";
import {
  compactOrganization,
  ORGANIZATION_COLUMNS,
  ORGANIZATION_FIELDS,
} from "~/components/organization/organization-list";
import { OrganizationService } from "~/gen/flagstone/v1/organization_service_pb";
import { type FilterValues, readTexts } from "~/lib/filter";

const KEYS: Record<keyof typeof ORGANIZATION_FIELDS, true> = { q: true, active: true };

export const Route = createFileRoute("/_app/admin/organizations/")({
  validateSearch: (search): FilterValues<typeof ORGANIZATION_FIELDS> => readTexts(KEYS, search),
  component: Organizations,
});

function Organizations() {
  return (
    <CollectionPage
      title="Organizations"
      lead="The tenants of this installation. Operators see what they are called and whether they are active, and nothing inside."
      types={["organization"]}
      creation={{ what: "an organization", permission: "platform:organizations:create", dialog: CreateOrganization }}
      noun="organizations"
      method={OrganizationService.method.listOrganizations}
      rowsOf={(page) => page.organizations}
      fields={ORGANIZATION_FIELDS}
      columns={ORGANIZATION_COLUMNS}
      compact={compactOrganization}
      empty="There is no organization."
      command="flagstone organizations list"
    />
  );
}
