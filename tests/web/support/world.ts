// Objects for pages to show: one of each state that people meet, with the names that break layouts.

import { RequestState } from "~gen/flagstone/v1/request_service_pb";
import { bundle } from "./person";
import type { Server } from "./server";

/** 255 characters without a place to break. */
export const LONG_NAME = `Long${"name".repeat(62)}end`;

/** Right-to-left, with an emoji of several code points. */
export const RTL_NAME = "مجموعة إعدادات المتجر 👩🏽‍💻";

/** What a place in a page's address stands for. */
export type World = Record<
  | "draft"
  | "pending"
  | "completed"
  | "rejected"
  | "failed"
  | "changing"
  | "approval"
  | "decided"
  | "planned"
  | "applied"
  | "broken",
  string
>;

/** Makes the objects. Takes seconds: Terraform runs for most of them. */
export async function createWorld(server: Server): Promise<World> {
  const [dev, approver] = [await server.person("dev"), await server.person("approver")];
  const last = (name: string) => name.slice(name.lastIndexOf("/") + 1);
  const order = (id: string, more = {}) => dev.order({ id, ...more });

  const [completed, pending, refused, failed, draft] = await Promise.all([
    server.carriedOut(order("shop", { displayName: RTL_NAME, description: "Limits of the shop." })),
    order("limits", { title: LONG_NAME, displayName: LONG_NAME }).then(({ name }) =>
      dev.until(name, RequestState.PENDING_APPROVAL),
    ),
    order("second").then(({ name }) => dev.until(name, RequestState.PENDING_APPROVAL)),
    dev.order({ id: "broken", template: "probe", inputs: { label: "a", script: "echo 'No such region' >&2; exit 1" } }),
    order("later", { draft: true, title: RTL_NAME }),
  ]);
  await approver.reject(refused, "Too many entries for a first one.");
  await approver.approve(await dev.until(failed.name, RequestState.PENDING_APPROVAL));
  await dev.until(failed.name, RequestState.FAILED);
  // A second revision, and a third on its way that replaces what is there.
  await server.carriedOut(dev.update("shop", bundle("2", { revision_note: "Twice as many." })));
  const changing = await dev.update("shop", bundle("3", { label: "green" }));
  await dev.until(changing.name, RequestState.PENDING_APPROVAL);
  const broken = await dev.request(failed.name);
  return {
    draft: draft.code,
    pending: pending.code,
    completed: completed.code,
    rejected: refused.code,
    failed: failed.code,
    changing: changing.code,
    approval: last((await dev.request(changing.name)).approval),
    decided: last(completed.approval),
    planned: last(completed.jobs[0] ?? ""),
    applied: last(completed.jobs.at(-1) ?? ""),
    broken: last(broken.jobs.at(-1) ?? ""),
  };
}
