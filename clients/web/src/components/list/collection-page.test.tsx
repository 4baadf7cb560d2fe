import { createRouterTransport } from "@connectrpc/connect";
import { TransportProvider } from "@connectrpc/connect-query";
import { QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, createRootRoute, createRouter, RouterProvider } from "@tanstack/react-router";
import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { queryClient } from "~/api/queries";
import { AccessService } from "~/gen/flagstone/v1/access_service_pb";
import { type ListTeamsRequest, TeamService } from "~/gen/flagstone/v1/team_service_pb";
import type { FilterFields } from "~/lib/filter";
import { TooltipProvider } from "~/ui/tooltip";
import { CollectionPage } from "./collection-page";

vi.mock("~/api/live", () => ({ useLive: () => undefined }));
// jsdom lays nothing out.
vi.mock("~/lib/use-is-compact", () => ({ useIsCompact: () => false }));
vi.mock("./data-table", () => ({ DataTable: () => <p>Rows</p> }));

const FIELDS: FilterFields = { q: { kind: "search", label: "Name", field: "display_name" } };

/** What of the permissions is held. */
let held: string[];
let teams: number;
let asked: ListTeamsRequest[];

beforeEach(() => {
  queryClient.clear();
  held = [];
  teams = 0;
  asked = [];
});

function Dialog({ onClose }: { onClose: () => void }) {
  return (
    <dialog open aria-label="Create a team">
      <button type="button" onClick={onClose}>
        Leave
      </button>
    </dialog>
  );
}

function Teams() {
  return (
    <CollectionPage
      title="Teams"
      lead="Who owns things together."
      types={["team"]}
      creation={{
        what: "a team",
        permission: "platform:teams:create",
        permissionInUnit: "business_unit:teams:create",
        dialog: Dialog,
      }}
      noun="teams"
      method={TeamService.method.listTeams}
      rowsOf={(page) => page.teams}
      fields={FIELDS}
      columns={[{ id: "name", header: "Name", cell: ({ displayName }) => displayName }]}
      compact={({ displayName }) => ({ first: displayName, second: "" })}
      empty="There is no team yet."
      command="flagstone teams list"
    />
  );
}

async function show(): Promise<void> {
  const transport = createRouterTransport(({ service }) => {
    service(AccessService, {
      checkPermissions: ({ checks }) => ({
        verdicts: checks.map(({ permission, object }) => {
          const allowed = held.includes(permission);
          return { permission, object, allowed, message: allowed ? "" : `Needs ${permission}.` };
        }),
      }),
    });
    service(TeamService, {
      listTeams: (request) => {
        asked.push(request);
        const rows = Array.from({ length: teams }, (_, index) => ({
          name: `teams/t${index}`,
          displayName: `T${index}`,
        }));
        return { teams: rows.slice(0, request.pageSize), totalSize: request.includeTotal ? teams : 0 };
      },
    });
  });
  const router = createRouter({
    routeTree: createRootRoute({ component: Teams }),
    history: createMemoryHistory({ initialEntries: ["/"] }),
  });
  render(
    <TransportProvider transport={transport}>
      <QueryClientProvider client={queryClient}>
        <TooltipProvider>
          <RouterProvider router={router as never} />
        </TooltipProvider>
      </QueryClientProvider>
    </TransportProvider>,
  );
  await screen.findByRole("heading", { level: 1, name: "Teams" });
}

const creates = () => screen.getAllByRole("button", { name: "Create team" });

test("what makes one is closed with the reason to whoever may not, above the list and in its place", async () => {
  await show();
  await screen.findByText("There is no team yet.");
  await waitFor(() =>
    expect(creates().map((button) => button.getAttribute("aria-disabled"))).toEqual(["true", "true"]),
  );
  screen.getByRole("button", { name: "Why can’t I create a team?" });
});

test("what is held in one unit opens it, too", async () => {
  held = ["business_unit:teams:create"];
  await show();
  await screen.findByText("There is no team yet.");
  expect(screen.queryByRole("button", { name: /^Why/ })).toBeNull();
  const [create] = creates();
  if (create) fireEvent.click(create);
  screen.getByRole("dialog", { name: "Create a team" });
  fireEvent.click(screen.getByRole("button", { name: "Leave" }));
  expect(screen.queryByRole("dialog")).toBeNull();
});

test("the list is asked for a page and, once that is there, for how many there are", async () => {
  teams = 3;
  await show();
  await waitFor(() => expect(screen.getByRole("status", { name: "How many" }).textContent).toBe("3 teams"));
  await waitFor(() => expect(asked.some(({ includeTotal }) => includeTotal)).toBe(true));
  expect(asked[0]).toMatchObject({ pageSize: 100, filter: "", orderBy: "", includeTotal: false });
});
