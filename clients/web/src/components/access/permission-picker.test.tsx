import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { useState } from "react";
import { afterEach, expect, test } from "vitest";
import { TooltipProvider } from "~/ui/tooltip";
import { PermissionPicker } from "./permission-picker";

const info = (permission: string, displayName: string, category: string) => ({
  permission,
  displayName,
  description: "",
  category,
  icon: "cog",
});
const PERMISSIONS = [
  info("business_unit:jobs:read", "Read jobs", "Jobs"),
  info("business_unit:jobs:cancel", "Cancel jobs", "Jobs"),
  info("platform:audit:read", "Read the audit", "Audit"),
];

let chosen: ReadonlySet<string> = new Set();

function Picker({ blocked }: { blocked?: (permission: string) => string | undefined }) {
  const [current, setCurrent] = useState(new Set<string>());
  chosen = current;
  return (
    <TooltipProvider>
      <PermissionPicker permissions={PERMISSIONS} chosen={current} onChange={setCurrent} blocked={blocked} />
    </TooltipProvider>
  );
}

afterEach(cleanup);

test("a category is chosen at once, and is between the two with a part of it", () => {
  render(<Picker />);
  const all = screen.getByRole<HTMLInputElement>("checkbox", { name: "All of Jobs" });
  fireEvent.click(all);
  expect([...chosen].sort()).toEqual(["business_unit:jobs:cancel", "business_unit:jobs:read"]);
  fireEvent.click(screen.getByRole("button", { name: /^Jobs/ }));
  fireEvent.click(screen.getByRole("checkbox", { name: /Cancel jobs/ }));
  expect([...chosen]).toEqual(["business_unit:jobs:read"]);
  expect(all.indeterminate).toBe(true);
});

test("what a search finds is open, and Enter in it sends nothing", () => {
  render(<Picker />);
  const search = screen.getByRole("searchbox", { name: "Search permissions" });
  fireEvent.change(search, { target: { value: "audit read" } });
  expect(screen.getByRole("checkbox", { name: /Read the audit/ })).toBeTruthy();
  expect(screen.queryByRole("checkbox", { name: /Read jobs/ })).toBeNull();
  expect(fireEvent.keyDown(search, { key: "Enter" })).toBe(false);
});

test("what one cannot give says why and is left out of its category", () => {
  render(<Picker blocked={(one) => (one.endsWith("cancel") ? "You do not hold it." : undefined)} />);
  fireEvent.click(screen.getByRole("checkbox", { name: "All of Jobs" }));
  expect([...chosen]).toEqual(["business_unit:jobs:read"]);
  fireEvent.click(screen.getByRole("button", { name: /^Jobs/ }));
  const cancel = screen.getByRole<HTMLInputElement>("checkbox", { name: /You do not hold it/ });
  expect(cancel.disabled).toBe(true);
});
