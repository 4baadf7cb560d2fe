import { createFileRoute } from "@tanstack/react-router";

export const Route = createFileRoute("/_app/environments")({
  component: RouteComponent,
});

function RouteComponent() {
  return <div>Hello "/_app/environments"!</div>;
}
