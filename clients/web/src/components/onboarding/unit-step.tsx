import { create } from "@bufbuild/protobuf";
import { useMutation } from "@connectrpc/connect-query";
import { Building2 } from "lucide-react";
import { useState } from "react";
import { problemOf } from "~/api/errors";
import { queryClient } from "~/api/queries";
import { useChecks } from "~/components/access/use-checks";
import { ErrorNotice } from "~/components/error-notice";
import { Notice } from "~/components/notice";
import { BusinessUnitSchema, BusinessUnitService } from "~/gen/flagstone/v1/business_unit_service_pb";
import { codeFor } from "~/lib/onboarding";
import { useUnits } from "~/lib/unit";
import { useRequestId } from "~/lib/use-request-id";
import { Button } from "~/ui/button";
import { Field, Input } from "~/ui/field";

const CREATE = "platform:business_units:create";

/** Makes a business unit, with the caller as its owner. */
export function UnitStep() {
  const units = useUnits();
  const [displayName, setDisplayName] = useState("");
  const [typedCode, setTypedCode] = useState<string>();
  const code = (typedCode ?? codeFor(displayName)).trim();
  const content = { code, displayName: displayName.trim() };
  const { id, renew } = useRequestId(content);
  const reason = useChecks([{ permission: CREATE, object: "" }]).reason(CREATE, "");
  const make = useMutation(BusinessUnitService.method.createBusinessUnit, {
    onSuccess: () => {
      renew();
      setDisplayName("");
      setTypedCode(undefined);
      void queryClient.invalidateQueries();
    },
  });
  const fields = make.error ? problemOf(make.error).fields : [];
  const errorsOf = (field: string) => fields.filter((one) => one.field.endsWith(field)).map(({ message }) => message);
  const there = units.data?.businessUnits ?? [];
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    if (!make.isPending && code && !reason) {
      make.mutate({ businessUnit: create(BusinessUnitSchema, content), requestId: id });
    }
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4" noValidate>
      {there.length > 0 && (
        <ul aria-label="Business units" className="flex flex-wrap gap-x-4 gap-y-1">
          {there.map((unit) => (
            <li key={unit.name} className="inline-flex min-w-0 items-center gap-1.5">
              <Building2 aria-hidden className="size-4 shrink-0 text-muted" />
              <span className="min-w-0 break-words" dir="auto">
                {unit.displayName || unit.code}
              </span>
            </li>
          ))}
        </ul>
      )}
      {make.data && (
        <Notice kind="success">
          {make.data.displayName || make.data.code} is there, with an environment for each tier. You own it.
        </Notice>
      )}
      {make.error != null && (
        <ErrorNotice error={make.error} title="The business unit was not made" fieldsElsewhere={fields.length > 0} />
      )}
      <Field label="Name" help="What people call it." required errors={errorsOf("display_name")}>
        {(control) => (
          <Input
            {...control}
            dir="auto"
            maxLength={255}
            value={displayName}
            onChange={(event) => setDisplayName(event.target.value)}
          />
        )}
      </Field>
      <Field
        label="Code"
        help="A letter, then letters, digits and hyphens, at most 50. It stands in addresses and tags, and stays."
        required
        errors={errorsOf("code")}
      >
        {(control) => (
          <Input
            {...control}
            className="font-mono"
            autoCapitalize="characters"
            spellCheck={false}
            maxLength={50}
            value={code}
            onChange={(event) => setTypedCode(event.target.value)}
          />
        )}
      </Field>
      <div>
        <Button
          type="submit"
          variant="primary"
          busy={make.isPending && "Making it"}
          reason={reason ?? (!code && "Give it a name and a code.")}
        >
          Make business unit
        </Button>
      </div>
    </form>
  );
}
