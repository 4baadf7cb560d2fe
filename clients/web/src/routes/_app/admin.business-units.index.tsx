import { createFileRoute } from "@tanstack/react-router";
import { CreateUnit } from "~/components/business-unit/unit-form";
import { compactUnit, UNIT_COLUMNS, UNIT_FIELDS } from "~/components/business-unit/unit-list";
import { CollectionPage } from "~/components/list/collection-page";
import { BusinessUnitService } from "~/gen/flagstone/v1/business_unit_service_pb";
import { type FilterValues, readTexts } from "~/lib/filter";

const KEYS: Record<keyof typeof UNIT_FIELDS, true> = { q: true, active: true };

export const Route = createFileRoute("/_app/admin/business-units/")({
  validateSearch: (search): FilterValues<typeof UNIT_FIELDS> => readTexts(KEYS, search),
  component: BusinessUnits,
});

function BusinessUnits() {
  return (
    <CollectionPage
      title="Business units"
      lead="Divisions of the organization: each has its own members, groups, environments and deployments."
      types={["business_unit"]}
      creation={{ what: "a business unit", permission: "platform:business_units:create", dialog: CreateUnit }}
      noun="business units"
      method={BusinessUnitService.method.listBusinessUnits}
      rowsOf={(page) => page.businessUnits}
      fields={UNIT_FIELDS}
      columns={UNIT_COLUMNS}
      compact={compactUnit}
      empty="There is no business unit that you may read. Work begins with one."
      command="flagstone units list"
    />
  );
}
