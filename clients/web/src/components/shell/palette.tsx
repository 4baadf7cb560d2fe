// `Ctrl K`: every page, object and action by typing.

import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { Dialog } from "radix-ui";
import { useDeferredValue, useState } from "react";
import { StateBadge } from "~/components/state-badge";
import { DeploymentService } from "~/gen/flagstone/v1/deployment_service_pb";
import { RequestService } from "~/gen/flagstone/v1/request_service_pb";
import { TemplateService } from "~/gen/flagstone/v1/template_service_pb";
import { quoted } from "~/lib/filter";
import { idOf, type Place, routeOf } from "~/lib/names";
import { useActions } from "~/lib/shortcuts";
import { Kbd } from "~/ui/kbd";

const PARENT = "businessUnits/-";
const ITEM = "flex h-9 cursor-default items-center gap-2 rounded-md px-2 data-[selected=true]:bg-active";

export function Palette({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-overlay" />
        <Dialog.Content
          aria-describedby={undefined}
          className="fixed top-[12vh] left-1/2 z-40 w-[calc(100vw-24px)] max-w-xl -translate-x-1/2 rounded-lg border border-line bg-float shadow-float"
        >
          <Dialog.Title className="sr-only">Search and commands</Dialog.Title>
          <Command label="Search and commands" loop>
            <Content close={() => onOpenChange(false)} />
          </Command>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Content({ close }: { close: () => void }) {
  const navigate = useNavigate();
  const actions = useActions();
  const [text, setText] = useState("");
  // The server takes at most 100 characters of free text.
  const search = useDeferredValue(text.trim().slice(0, 100));
  const options = { enabled: search.length >= 2, placeholderData: keepPreviousData, staleTime: 2_000 };
  const isCode = /^r-\d+$/i.test(search);
  const filter = isCode ? `code = ${quoted(search.toUpperCase())}` : `title : ${quoted(search)}`;
  const requests = useQuery(RequestService.method.listRequests, { parent: PARENT, pageSize: 6, filter }, options);
  const deployments = useQuery(
    DeploymentService.method.listDeployments,
    { parent: PARENT, pageSize: 6, filter: `display_name : ${quoted(search)}` },
    options,
  );
  const templates = useQuery(TemplateService.method.listTemplates, { pageSize: 200 }, { staleTime: 60_000 });
  const go = (place: Place | undefined) => {
    close();
    if (place) void navigate(place);
  };
  const asked = search.length >= 2;
  return (
    <>
      <Command.Input
        value={text}
        onValueChange={setText}
        placeholder="Type a page, a request, a deployment or an action"
        className="h-11 w-full border-line border-b bg-transparent px-4 outline-none"
      />
      <Command.List className="max-h-[50vh] overflow-y-auto p-2">
        <Command.Empty className="px-2 py-4 text-muted">Nothing is called so.</Command.Empty>
        {asked && (requests.data?.requests.length ?? 0) > 0 && (
          <Group heading="Requests">
            {requests.data?.requests.map((request) => (
              <Command.Item
                key={request.name}
                value={`${request.code} ${request.title} ${request.name}`}
                keywords={[search]}
                onSelect={() => go({ to: "/requests/$code", params: { code: request.code } })}
                className={ITEM}
              >
                <span className="font-mono text-muted text-sm">{request.code}</span>
                <span className="flex-1 truncate">{request.title}</span>
                <StateBadge kind="request" state={request.state} />
              </Command.Item>
            ))}
          </Group>
        )}
        {asked && (deployments.data?.deployments.length ?? 0) > 0 && (
          <Group heading="Deployments">
            {deployments.data?.deployments.map((deployment) => (
              <Command.Item
                key={deployment.name}
                value={`${deployment.displayName} ${deployment.name}`}
                keywords={[search]}
                onSelect={() => go(routeOf(deployment.name))}
                className={ITEM}
              >
                <span className="flex-1 truncate">{deployment.displayName || idOf(deployment.name)}</span>
                <StateBadge kind="deployment" state={deployment.state} />
              </Command.Item>
            ))}
          </Group>
        )}
        <Group heading="Order">
          {templates.data?.templates.map((template) => (
            <Command.Item
              key={template.name}
              value={`Order ${template.displayName} ${idOf(template.name)}`}
              onSelect={() => go(routeOf(template.name))}
              className={ITEM}
            >
              {template.displayName}
              <span className="text-muted text-sm">{idOf(template.name)}</span>
            </Command.Item>
          ))}
        </Group>
        <Group heading="Actions">
          {actions.map((action) => (
            <Command.Item
              key={action.label + action.group}
              value={action.label}
              onSelect={() => {
                close();
                action.run();
              }}
              className={ITEM}
            >
              <span className="flex-1">{action.label}</span>
              {action.keys && <Kbd keys={action.keys} />}
            </Command.Item>
          ))}
        </Group>
      </Command.List>
    </>
  );
}

function Group({ heading, children }: { heading: string; children: React.ReactNode }) {
  return (
    <Command.Group
      heading={heading}
      className="[&_[cmdk-group-heading]]:px-2 [&_[cmdk-group-heading]]:py-1 [&_[cmdk-group-heading]]:text-muted [&_[cmdk-group-heading]]:text-sm"
    >
      {children}
    </Command.Group>
  );
}
