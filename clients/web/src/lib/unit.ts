// Which business unit the lists show. The address says it, so that a copied link shows the same; where it does not, the
// unit that the person chose last, which the server keeps (R029).

import { useMutation, useQuery } from "@connectrpc/connect-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import { queryClient } from "~/api/queries";
import { BusinessUnitService } from "~/gen/flagstone/v1/business_unit_service_pb";
import { type MyBusinessUnit, UserService } from "~/gen/flagstone/v1/user_service_pb";
import { useMe } from "./me";
import { idOf } from "./names";

/** Stands for all business units that one may read. */
export const ALL_UNITS = "-";

/** The chosen unit as a parent of lists: `businessUnits/x`, or `businessUnits/-` for all. */
export function useParent(): string {
  const { unit } = useSearch({ from: "/_app" });
  const me = useMe();
  return `businessUnits/${unit ?? (me?.activeBusinessUnit ? idOf(me.activeBusinessUnit) : ALL_UNITS)}`;
}

/**
 * The parent of a list page. `undefined` until it is known: a list of the wrong unit is not asked for. From then on the
 * unit stands in the address, so that a copied link shows the same to somebody whose own choice is another.
 */
export function useListParent(): string | undefined {
  const { unit } = useSearch({ from: "/_app" });
  const { data: me, isError } = useQuery(UserService.method.getMe, {}, { staleTime: 60_000 });
  const navigate = useNavigate();
  const chosen = me?.activeBusinessUnit ? idOf(me.activeBusinessUnit) : ALL_UNITS;
  const pinned = unit ?? (me || isError ? chosen : undefined);
  useEffect(() => {
    if (unit === undefined && pinned !== undefined) {
      void navigate({ to: ".", search: (before) => ({ ...before, unit: pinned }), replace: true, resetScroll: false });
    }
  }, [unit, pinned, navigate]);
  return pinned === undefined ? undefined : `businessUnits/${pinned}`;
}

/** The units one can choose from. */
export function useUnits() {
  return useQuery(BusinessUnitService.method.listBusinessUnits, { pageSize: 200 }, { staleTime: 60_000 });
}

/** A unit that the caller reaches. */
export interface MyUnit {
  /** `businessUnits/{bu}`. */
  name: string;
  /** What people call it. */
  label: string;
  code: string;
  /** The caller's role as a member; empty where they may read it without being one. */
  role: string;
  /** False: nothing new can be asked for in it. */
  isActive: boolean;
}

/** The units that the caller reaches, with the role in each, by what people call them. Empty until they are known. */
export function useMyUnits(): readonly MyUnit[] {
  const { data } = useQuery(UserService.method.listMyBusinessUnits, { pageSize: 200 }, { staleTime: 60_000 });
  return useMemo(() => myUnits(data?.businessUnits ?? []), [data]);
}

/** As they are shown: those one is a member of first, then by what people call them. */
export function myUnits(units: readonly MyBusinessUnit[]): MyUnit[] {
  return units
    .flatMap(({ businessUnit, role }) =>
      businessUnit
        ? [
            {
              name: businessUnit.name,
              label: businessUnit.displayName || businessUnit.code,
              code: businessUnit.code,
              role,
              isActive: businessUnit.active,
            },
          ]
        : [],
    )
    .sort((a, b) => Number(b.role !== "") - Number(a.role !== "") || a.label.localeCompare(b.label));
}

/** Chooses the unit of the lists, here and on every other device. */
export function useChooseUnit(): (unit: string) => void {
  const navigate = useNavigate();
  const { mutate } = useMutation(UserService.method.setActiveBusinessUnit, {
    onSuccess: () => queryClient.invalidateQueries(),
  });
  return (unit) => {
    void navigate({ to: ".", search: (before) => ({ ...before, unit }) });
    mutate({ businessUnit: unit === ALL_UNITS ? "" : `businessUnits/${unit}`, requestId: crypto.randomUUID() });
  };
}
