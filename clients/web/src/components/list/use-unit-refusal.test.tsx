import { createRouterTransport } from "@connectrpc/connect";
import { TransportProvider } from "@connectrpc/connect-query";
import { QueryClientProvider } from "@tanstack/react-query";
import { render, screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { queryClient } from "~/api/queries";
import { AccessService } from "~/gen/flagstone/v1/access_service_pb";
import type { Listed } from "~/lib/listed";
import { TooltipProvider } from "~/ui/tooltip";
import { ListView } from "./list-view";
import { useUnitRefusal } from "./use-unit-refusal";

// A table needs a router, and here is nothing to show in one.
vi.mock("./data-table", () => ({ DataTable: () => <p>Rows</p> }));

const LIST = "business_unit:requests:list";

let asked: string[];
let allowed: boolean;

beforeEach(() => {
  queryClient.clear();
  asked = [];
  allowed = false;
});

function empty(error: unknown): Listed<{ name: string }> {
  const more = { has: false, loading: false, failed: false, load: () => undefined };
  return { rows: [], isLoading: false, isReplaced: false, error, more, isOutdated: false, reload: () => undefined };
}

function Requests({ parent, error = null }: { parent: string; error?: unknown }) {
  const list = empty(error);
  return (
    <ListView
      label="Requests"
      noun="requests"
      list={list}
      total={0}
      base={0}
      isFiltered={false}
      onClear={() => undefined}
      columns={[{ id: "name", header: "Name", cell: ({ name }) => name }]}
      compact={({ name }) => ({ first: name, second: "" })}
      rowKey={({ name }) => name}
      empty={<p>Nobody has requested anything here yet.</p>}
      refusal={useUnitRefusal("requests", LIST, parent, true)}
    />
  );
}

function show(parent: string, error?: unknown) {
  const transport = createRouterTransport(({ service }) =>
    service(AccessService, {
      checkPermissions: ({ checks }) => {
        asked.push(...checks.map(({ object }) => object));
        const answer = { allowed, message: allowed ? "" : "You hold no role there.", remedy: "" };
        return { verdicts: checks.map(({ permission, object }) => ({ permission, object, ...answer })) };
      },
    }),
  );
  render(
    <TransportProvider transport={transport}>
      <QueryClientProvider client={queryClient}>
        <TooltipProvider>
          <Requests parent={parent} error={error} />
        </TooltipProvider>
      </QueryClientProvider>
    </TransportProvider>,
  );
}

test("an empty list of a unit that one may not look into says so, and why", async () => {
  show("businessUnits/payments");
  expect(screen.queryByText(/Nobody has requested/), "not before it is known").toBeNull();
  await waitFor(() =>
    expect(screen.getByRole("alert").textContent).toContain("You may not see the requests of payments"),
  );
  expect(screen.getByRole("alert").textContent).toContain(`Needs ${LIST} in business unit payments`);
  screen.getByRole("button", { name: "Why can’t I see the requests of payments?" });
  expect(screen.queryByText(/Nobody has requested/)).toBeNull();
});

test("a unit that is not there looks the same", async () => {
  show("businessUnits/nowhere", new Error("businessUnits/nowhere was not found."));
  await waitFor(() =>
    expect(screen.getByRole("alert").textContent).toContain("You may not see the requests of nowhere"),
  );
  expect(screen.getAllByRole("alert")).toHaveLength(1);
});

test("an empty list of a unit that one may look into is empty, and so is that of all units", async () => {
  allowed = true;
  show("businessUnits/sandbox");
  await waitFor(() => screen.getByText(/Nobody has requested/));
  expect(asked).toEqual(["businessUnits/sandbox"]);
  expect(screen.queryByRole("alert")).toBeNull();
  show("businessUnits/-");
  expect(screen.getAllByText(/Nobody has requested/)).toHaveLength(2);
  expect(asked).toEqual(["businessUnits/sandbox"]);
});
