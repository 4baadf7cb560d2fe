import { createFileRoute } from "@tanstack/react-router";
import { NotFoundPage } from "~/components/outcome-pages";

/** An address that nothing else has, inside of the frame: one is still where one was. */
export const Route = createFileRoute("/_app/$")({ component: NotFoundPage });
