import type { Orders } from "~/lib/sort";
import { useIsCompact } from "~/lib/use-is-compact";
import { Select } from "~/ui/field";
import type { Sorting } from "./data-table";

export interface SortFieldProps {
  sorting: Sorting;
  orders: Orders;
  /** On wide screens too: for orders that no heading stands for. */
  always?: boolean;
}

/** The order of a list on a phone, where no headings are to press. */
export function SortField({ sorting, orders, always = false }: SortFieldProps) {
  if (!useIsCompact() && !always) return null;
  return (
    <Select
      aria-label="Order"
      value={sorting.order}
      onChange={(event) => sorting.onChange(event.target.value)}
      className="h-7! w-auto text-sm"
    >
      {orders.map(([order, label]) => (
        <option key={order} value={order}>
          {label}
        </option>
      ))}
    </Select>
  );
}
