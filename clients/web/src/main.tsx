import "~/styles/app.css";
import { TransportProvider } from "@connectrpc/connect-query";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { session, transport } from "~/api/client";
import { queryClient } from "~/api/queries";
import { markMissingCode } from "~/lib/missing-code";
import { allowInjectedStyles } from "~/lib/nonce";
import { applyTheme } from "~/lib/theme";
import { TooltipProvider } from "~/ui/tooltip";
import { router } from "./router";

markMissingCode();
allowInjectedStyles();
applyTheme();
void session.start();

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <TransportProvider transport={transport}>
        <QueryClientProvider client={queryClient}>
          <TooltipProvider delayDuration={300}>
            <RouterProvider router={router} />
          </TooltipProvider>
        </QueryClientProvider>
      </TransportProvider>
    </StrictMode>,
  );
}
