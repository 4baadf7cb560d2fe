// Everybody who may do something to an object now, with what gives it.

import { useInfiniteQuery } from "@connectrpc/connect-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { EmptyState } from "~/components/empty-state";
import { PrincipalChip } from "~/components/principal-chip";
import { QueryView } from "~/components/query-view";
import { AccessService, type WhoCan } from "~/gen/flagstone/v1/access_service_pb";
import { bindingWords, objectWords } from "~/lib/access-words";
import { fieldErrors } from "~/lib/field-errors";
import { count } from "~/lib/format";
import { routeOf } from "~/lib/names";
import { Button } from "~/ui/button";
import type { AskedAccess } from "./explain-access";
import { BindingItem } from "./explanation";
import { ObjectField, PermissionField } from "./question-fields";

const PAGE = 50;

export interface WhoCanListProps {
  asked: AskedAccess;
  onAsk: (asked: AskedAccess) => void;
}

export function WhoCanList({
  asked: { permission: askedPermission = "", object: askedObject = "" },
  onAsk,
}: WhoCanListProps) {
  const [permission, setPermission] = useState(askedPermission);
  const [object, setObject] = useState(askedObject);
  useEffect(() => {
    setPermission(askedPermission);
    setObject(askedObject);
  }, [askedPermission, askedObject]);
  const query = useInfiniteQuery(
    AccessService.method.listWhoCan,
    { permission: askedPermission, object: askedObject, pageSize: PAGE, pageToken: "" },
    {
      pageParamKey: "pageToken",
      getNextPageParam: (last) => last.nextPageToken || undefined,
      enabled: askedPermission !== "",
      staleTime: 0,
    },
  );
  const errors = fieldErrors(query.error);
  return (
    <div className="flex flex-col gap-4">
      <form
        className="grid items-start gap-3 md:grid-cols-[minmax(0,1fr)_minmax(0,1fr)_auto]"
        onSubmit={(event) => {
          event.preventDefault();
          const next = { permission: permission.trim(), object: object.trim() };
          if (!next.permission) return;
          if (next.permission === askedPermission && next.object === askedObject) void query.refetch();
          else onAsk(next);
        }}
      >
        <PermissionField value={permission} onChange={setPermission} errors={errors.of("permission")} />
        <ObjectField value={object} onChange={setObject} errors={errors.of("object")} />
        <div className="md:pt-11">
          <Button
            type="submit"
            variant="primary"
            reason={!permission.trim() && "Name a permission."}
            busy={query.isFetching && !query.isFetchingNextPage && "Looking"}
          >
            Show who can
          </Button>
        </div>
      </form>
      {askedPermission === "" ? (
        <p className="text-muted">
          Name a permission and an object: everybody who may do it is listed, with the reason.
        </p>
      ) : (
        <QueryView query={query} title="Who can do this could not be read">
          {({ pages }) => {
            const principals = pages.flatMap((page) => page.principals);
            if (principals.length === 0) {
              return (
                <EmptyState>
                  Nobody may do this on {objectWords(askedObject)} now. Give somebody a role that holds it.
                </EmptyState>
              );
            }
            return (
              <section aria-label="Who can" className="flex flex-col gap-2">
                <p>
                  {query.hasNextPage ? "More than " : ""}
                  {count(principals.length, "principal")} may do this on{" "}
                  <span dir="auto">{objectWords(askedObject)}</span>.
                </p>
                <ul className="border-line border-t">
                  {principals.map((one) => (
                    <Principal
                      key={one.principal}
                      one={one}
                      asked={{ permission: askedPermission, object: askedObject }}
                    />
                  ))}
                </ul>
                {query.hasNextPage && (
                  <div>
                    <Button busy={query.isFetchingNextPage && "Reading"} onClick={() => void query.fetchNextPage()}>
                      Show more principals
                    </Button>
                  </div>
                )}
              </section>
            );
          }}
        </QueryView>
      )}
    </div>
  );
}

/** One principal: what gives it in a line, all of it when opened. */
function Principal({
  one: { principal, displayName, bindings, conditional },
  asked,
}: {
  one: WhoCan;
  asked: AskedAccess;
}) {
  const [isOpen, setIsOpen] = useState(false);
  const place = routeOf(principal);
  const first = bindings[0];
  return (
    <li className="flex flex-col border-line border-b py-2">
      <div className="grid items-center gap-x-4 gap-y-1 md:grid-cols-[minmax(0,240px)_minmax(0,1fr)_auto]">
        <span className="flex min-w-0 items-center gap-2">
          {place ? (
            <Link {...place} className="max-w-[70%] shrink-0 hover:underline">
              <PrincipalChip name={principal} />
            </Link>
          ) : (
            <span className="max-w-[70%] shrink-0">
              <PrincipalChip name={principal} />
            </span>
          )}
          {displayName && (
            <span className="min-w-0 truncate text-muted" dir="auto">
              {displayName}
            </span>
          )}
        </span>
        <span className="min-w-0 text-muted">
          {first ? bindingWords(first) : "Every active user may do this"}.
          {conditional && <span className="text-waiting"> Only while a condition holds.</span>}
        </span>
        <span className="flex flex-wrap gap-2">
          {bindings.length > 0 && (
            <Button size="sm" variant="ghost" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
              {isOpen ? "Fold" : "Show"} {count(bindings.length, "binding")}
            </Button>
          )}
          <Link
            to="/admin/access"
            search={{ tab: "question", principal, ...asked }}
            className="self-center text-accent-strong text-sm hover:underline"
          >
            Explain
          </Link>
        </span>
      </div>
      {isOpen && (
        <ul className="mt-1 border-line border-t">
          {bindings.map((binding, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a membership has no name, and the list is shown as it came
            <BindingItem key={`${binding.binding}/${index}`} binding={binding} />
          ))}
        </ul>
      )}
    </li>
  );
}
