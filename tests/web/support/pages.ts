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
  page("login that failed at a provider", "nobody", "/login?error=sso_refused"),
  page("invitation whose link is dead", "nobody", "/invitations#made-up"),
  page("password reset", "nobody", "/password-reset#made-up"),
  page("home", "dev", "/"),
  page("home of an approver", "approver", "/"),
  page("profile", "dev", "/profile"),
  page("password", "dev", "/profile?tab=password"),
  page("sign-in", "dev", "/profile?tab=sign-in"),
  page("sessions", "dev", "/profile?tab=sessions"),
  page("tokens", "dev", "/profile?tab=tokens"),
  page("permissions", "dev", "/profile?tab=permissions"),
  page("device to let in", "dev", "/auth/device"),
  page("set-up", "admin", "/welcome"),
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
  page("administration", "admin", "/admin"),
  page("users", "admin", "/admin/users"),
  page("invitations", "admin", "/admin/users?tab=invitations"),
  page("user", "admin", "/admin/users/dev"),
  page("membership of a user", "admin", "/admin/users/dev?tab=membership"),
  page("access of a user", "admin", "/admin/users/dev?tab=access"),
  page("sessions of a user", "admin", "/admin/users/dev?tab=sessions"),
  page("roles", "admin", "/admin/roles"),
  page("role", "admin", "/admin/roles/developer"),
  page("role to copy", "admin", "/admin/roles?create=true&from=developer"),
  page("groups", "admin", "/admin/groups"),
  page("business units", "admin", "/admin/business-units"),
  page("business unit", "admin", "/admin/business-units/sandbox"),
  page("teams", "admin", "/admin/teams"),
  page("organizations", "admin", "/admin/organizations"),
  page("users denied", "dev", "/admin/users"),
  page("failed jobs", "admin", "/admin/jobs"),
  page("audit", "admin", "/admin/audit"),
  page("audit statistics", "admin", "/admin/audit?tab=statistics"),
  page("audit verification", "admin", "/admin/audit?tab=verification"),
  page("service accounts", "admin", "/admin/service-accounts"),
  page("settings", "admin", "/admin/settings"),
  page("settings of single sign-on", "admin", "/admin/settings?tab=sso"),
  page("settings of the sign-in", "admin", "/admin/settings?tab=sign-in"),
  page("settings of the retention", "admin", "/admin/settings?tab=retention"),
  page("access explained", "admin", "/admin/access"),
  page("who can", "admin", "/admin/access?tab=who"),
  page("system", "admin", "/admin/system"),
  page("a request that is not there", "dev", "/requests/R-999999"),
  page("a page that is not there", "dev", "/nowhere"),
  page("denied", "dev", "/admin/audit"),
];
