// The order of a list, in the address; absent is the list's own first order.

import { useNavigate, useSearch } from "@tanstack/react-router";

/** The orders of a list as the server names them, the default first, with their words. */
export type Orders = readonly [string, string][];

export const BY_CREATION: Orders = [
  ["create_time desc", "Newest first"],
  ["create_time", "Oldest first"],
];

export const BY_TIME: Orders = [
  ["time desc", "Newest first"],
  ["time", "Oldest first"],
];

export interface SortSearch {
  sort?: string;
}

/** The order in an address; what the server does not know is dropped, and the default is left out. */
export function readSort(orders: Orders, search: Record<string, unknown>): SortSearch {
  const found = orders.slice(1).find(([order]) => order === search.sort);
  return found ? { sort: found[0] } : {};
}

/** The order of the page's list, and how to change it. */
export function useSort(orders: Orders): { order: string; onChange: (order: string) => void } {
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const first = orders[0]?.[0] ?? "";
  return {
    order: readSort(orders, search as Record<string, unknown>).sort ?? first,
    onChange: (order) => {
      const sort = order === first ? undefined : order;
      void navigate({ to: ".", search: (before) => ({ ...before, sort }) });
    },
  };
}
