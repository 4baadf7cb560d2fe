import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { Button } from "./button";
import { TooltipProvider } from "./tooltip";

test("a button keeps the focus when the reason why it is disabled goes", () => {
  const button = (reason: string | false) => (
    <TooltipProvider>
      <Button reason={reason}>Approve plan</Button>
    </TooltipProvider>
  );
  const { rerender } = render(button("The dry run has not answered yet."));
  screen.getByRole("button").focus();
  rerender(button(false));
  expect(document.activeElement).toBe(screen.getByRole("button"));
  expect(document.activeElement?.getAttribute("aria-disabled")).toBeNull();
});
