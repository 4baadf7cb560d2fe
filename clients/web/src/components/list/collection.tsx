// All objects of one kind, as the pages of administration list them: filters, how many, the table, further pages.

import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { type InfiniteData, skipToken, type UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useChecks } from "~/components/access/use-checks";
import { type FilterFields, isFiltered, type Option, toFilter } from "~/lib/filter";
import { PAGE_SIZE, paged, useListed } from "~/lib/listed";
import { routeOf } from "~/lib/names";
import { type Orders, useSort } from "~/lib/sort";
import { useColumns } from "./columns-menu";
import type { Column, DataTableProps } from "./data-table";
import { FilterBar, useFilters } from "./filter-bar";
import { ListView } from "./list-view";
import { SortField } from "./sort-field";
import { useTotal } from "./use-total";

export interface CollectionProps<I extends DescMessage, O extends DescMessage, Row extends { name: string }> {
  /** What the objects are, in the plural: "teams". */
  noun: string;
  /** The method that lists them. */
  method: DescMethodUnary<I, O>;
  /** Where they are listed, for methods that take it. */
  parent?: string;
  rowsOf: (page: MessageShape<O>) => readonly Row[];
  /** What it takes to list them. Where that is not held, there is nothing to filter, and the refusal says why. */
  permission?: string;
  fields: FilterFields;
  /** What can be chosen, for filters by objects. */
  options?: Partial<Record<string, readonly Option[]>>;
  columns: readonly Column<Row>[];
  compact: DataTableProps<Row>["compact"];
  /** The orders one can choose from, where there are several. */
  orders?: Orders;
  /** What stands here where nothing is, and no filter is why. */
  empty: ReactNode;
}

export function Collection<I extends DescMessage, O extends DescMessage, Row extends { name: string }>({
  noun,
  method,
  parent,
  rowsOf,
  permission,
  fields,
  options,
  columns: allColumns,
  compact,
  orders,
  empty,
}: CollectionProps<I, O, Row>) {
  const [filters, setFilters, clear] = useFilters(fields);
  const sorting = useSort(orders ?? []);
  const checks = useChecks(permission ? [{ permission, object: "" }] : []);
  const mayList = !permission || checks.may(permission, "");
  const place = parent === undefined ? {} : { parent };
  const filter = toFilter(fields, filters);
  // Every list is asked by fields of these names; the types of all of them together cannot say so.
  const ask = (fieldsOfList: object) => ({ ...place, ...fieldsOfList }) as MessageInitShape<I>;
  const order = orders ? { orderBy: sorting.order } : {};
  const input = ask({ filter, ...order, pageSize: PAGE_SIZE, pageToken: "" });
  const query = useInfiniteQuery(method, input as never, paged as never);
  const list = useListed(method, input, query as UseInfiniteQueryResult<InfiniteData<MessageShape<O>>, Error>, rowsOf);
  const counted = useTotal(method, list.more.has ? ask({ filter, pageSize: 1, includeTotal: true }) : skipToken);
  // A list that is refused is not asked for again.
  const isThere = !list.isLoading && list.error == null;
  const base = useTotal(method, isThere ? ask({ pageSize: 1, includeTotal: true }) : skipToken);
  const [columns, columnsMenu] = useColumns(noun.replaceAll(" ", "-"), allColumns);
  return (
    <>
      {mayList && <FilterBar fields={fields} values={filters} onChange={setFilters} options={options} />}
      <ListView
        label={noun.charAt(0).toUpperCase() + noun.slice(1)}
        noun={noun}
        list={list}
        total={list.more.has ? counted : list.rows.length}
        base={base}
        isFiltered={isFiltered(filters)}
        onClear={clear}
        columns={columns}
        compact={compact}
        rowKey={({ name }) => name}
        place={({ name }) => routeOf(name)}
        {...(orders && { sorting })}
        controls={
          <>
            {orders && <SortField sorting={sorting} orders={orders} always />}
            {columnsMenu}
          </>
        }
        empty={empty}
      />
    </>
  );
}
