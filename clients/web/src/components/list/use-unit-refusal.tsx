// Lists of requests and deployments refuse nobody: what is one's own is shown wherever it is. Of a business unit that one
// may not look into, the answer is therefore an empty list, which must not look as if nothing were there.

import { Lock } from "lucide-react";
import type { ReactNode } from "react";
import { Denied } from "~/components/access/denied";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { ErrorBox } from "~/components/error-box";
import { ALL_UNITS } from "~/lib/unit";

/** Why a list shows less than there may be. */
export interface Refusal {
  /** The answer is on its way: nobody can say yet what an empty list means. */
  isAsked: boolean;
  /** `undefined` where everything may be seen. */
  notice: ReactNode | undefined;
}

/** Whether the caller may see what others have in the unit of a list; `permission` is what lists it. */
export function useUnitRefusal(
  noun: string,
  permission: string,
  parent: string | undefined,
  isEmpty: boolean,
): Refusal {
  const unit = parent?.replace("businessUnits/", "") ?? ALL_UNITS;
  const object = unit === ALL_UNITS ? undefined : parent;
  const checks = useChecks(object ? [{ permission, object }] : []);
  const reason = object && checks.reason(permission, object);
  const title = isEmpty ? `You may not see the ${noun} of ${unit}` : `Only your own ${noun} of ${unit} are shown`;
  return {
    isAsked: object !== undefined && checks.asking,
    notice: reason && (
      <ErrorBox icon={Lock} title={title} message={reason}>
        <Denied
          permission={permission}
          scope={object}
          why={<WhyNot permission={permission} object={object} action={`see the ${noun} of ${unit}`} />}
        />
      </ErrorBox>
    ),
  };
}
