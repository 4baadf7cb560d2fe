import { createFileRoute } from "@tanstack/react-router";
import { Page } from "~/components/page";

export const Route = createFileRoute("/_app/")({ component: Home });

function Home() {
  return <Page title="Home">{null}</Page>;
}
