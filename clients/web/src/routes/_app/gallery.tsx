import { createFileRoute, notFound } from "@tanstack/react-router";
import { lazy } from "react";

/** Every component in each of its looks; in development only: a build for production does not contain it. */
export const Route = createFileRoute("/_app/gallery")({
  beforeLoad: () => {
    if (!import.meta.env.DEV) throw notFound();
  },
  component: import.meta.env.DEV ? lazy(() => import("~/gallery/gallery")) : undefined,
});
