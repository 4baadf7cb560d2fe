// Every page there is, in one place: walked with axe, pictured, and looked at on narrow screens.

import type { Who } from "./server";
import type { World } from "./world";

export interface PageToWalk {
  /** What it is called in reports and on pictures. */
  name: string;
  /** Who looks at it. */
  who: Who | "nobody";
  path: (world: World) => string;
}

const page = (name: string, who: PageToWalk["who"], path: string | PageToWalk["path"]): PageToWalk => ({
  name,
  who,
  path: typeof path === "string" ? () => path : path,
});

export const PAGES: readonly PageToWalk[] = [
  page("login", "nobody", "/login"),
  page("home", "dev", "/"),
  page("home of an approver", "approver", "/"),
  page("profile", "dev", "/profile"),
  page("password", "dev", "/profile?tab=password"),
  page("permissions", "dev", "/profile?tab=permissions"),
  page("templates", "dev", "/templates"),
  page("template", "dev", "/templates/config-bundle"),
  page("template of S3", "dev", "/templates/aws-s3"),
  page("order", "dev", "/templates/config-bundle/order"),
  page("order of S3", "dev", "/templates/aws-s3/order"),
  page("new request", "dev", "/requests/new"),
  page("requests", "dev", "/requests"),
  page("requests of an administrator", "admin", "/requests?unit=-"),
  page("request as a draft", "dev", ({ draft }) => `/requests/${draft}`),
  page("request that needs approval", "approver", ({ pending }) => `/requests/${pending}`),
  page("request that replaces", "approver", ({ changing }) => `/requests/${changing}`),
  page("request carried out", "dev", ({ completed }) => `/requests/${completed}`),
  page("request rejected", "dev", ({ rejected }) => `/requests/${rejected}`),
  page("request failed", "dev", ({ failed }) => `/requests/${failed}`),
  page("request to edit", "dev", ({ pending }) => `/requests/${pending}/edit`),
  page("approvals", "approver", "/approvals"),
  page("approval", "approver", ({ approval }) => `/approvals/${approval}`),
  page("approval decided", "approver", ({ decided }) => `/approvals/${decided}`),
  page("deployments", "dev", "/deployments"),
  page("deployment", "dev", "/b/sandbox/deployments/shop"),
  page("deployment revisions", "dev", "/b/sandbox/deployments/shop?tab=revisions"),
  page("deployment failed", "dev", "/b/sandbox/deployments/broken"),
  page("deployment to update", "dev", "/b/sandbox/deployments/shop/update"),
  page("environments", "dev", "/environments"),
  page("environment", "dev", "/b/sandbox/environments/development"),
  page("jobs", "dev", "/jobs"),
  page("job", "dev", ({ applied }) => `/jobs/${applied}`),
  page("job failed", "dev", ({ broken }) => `/jobs/${broken}`),
  page("failed jobs", "admin", "/admin/jobs"),
  page("audit", "admin", "/admin/audit"),
  page("a request that is not there", "dev", "/requests/R-999999"),
  page("a page that is not there", "dev", "/nowhere"),
  page("denied", "dev", "/admin/audit"),
];
