import { createRouter } from "@tanstack/react-router";
import { ErrorPage, NotFoundPage, PendingPage } from "~/components/outcome-pages";
import { routeTree } from "./routeTree.gen";

/** The pages, by address: one file each in `routes/`. */
export const router = createRouter({
  routeTree,
  defaultPreload: "intent",
  scrollRestoration: true,
  defaultErrorComponent: ErrorPage,
  defaultNotFoundComponent: NotFoundPage,
  defaultPendingComponent: PendingPage,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
