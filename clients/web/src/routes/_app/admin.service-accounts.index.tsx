import { createFileRoute } from "@tanstack/react-router";
import { CollectionPage } from "~/components/list/collection-page";
import { CreateAccount } from "~/components/service-account/account-form";
import { ACCOUNT_COLUMNS, ACCOUNT_FIELDS, compactAccount } from "~/components/service-account/account-list";
import { ServiceAccountService } from "~/gen/flagstone/v1/service_account_service_pb";
import { type FilterValues, readTexts } from "~/lib/filter";
import { BY_CREATION, readSort, type SortSearch } from "~/lib/sort";

const KEYS: Record<keyof typeof ACCOUNT_FIELDS, true> = { q: true, kind: true, active: true };

export const Route = createFileRoute("/_app/admin/service-accounts/")({
  validateSearch: (search): FilterValues<typeof ACCOUNT_FIELDS> & SortSearch => ({
    ...readTexts(KEYS, search),
    ...readSort(BY_CREATION, search),
  }),
  component: ServiceAccounts,
});

function ServiceAccounts() {
  return (
    <CollectionPage
      title="Service accounts"
      lead="Programs that act under a name of their own: what one may do comes from its roles, and it comes in with a token."
      types={["service_account"]}
      creation={{
        what: "a service account",
        permission: "platform:service_accounts:manage",
        dialog: CreateAccount,
      }}
      noun="service accounts"
      method={ServiceAccountService.method.listServiceAccounts}
      rowsOf={(page) => page.serviceAccounts}
      fields={ACCOUNT_FIELDS}
      columns={ACCOUNT_COLUMNS}
      compact={compactAccount}
      orders={BY_CREATION}
      empty="There is no service account yet. A program that calls Flagstone gets one, so that nobody’s own account has to be lent to it."
      command="flagstone service-accounts list"
    />
  );
}
