// Resource names: what they consist of, and which page shows them (R258). Notifications, search, audit and every link on a
// page go through `routeOf`.

/** The value of one part of a resource name: `partOf("businessUnits/eng/requests/1", "requests")` is `1`. */
export function partOf(name: string, collection: string): string {
  const parts = name.split("/");
  const index = parts.indexOf(collection);
  return (index >= 0 && parts[index + 1]) || "";
}

/** The last part: what people call the object. */
export function idOf(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

/** The business unit of a name, as its id; empty where it is in none. */
export function unitOf(name: string): string {
  return partOf(name, "businessUnits");
}

export interface Place {
  to: string;
  params?: Record<string, string>;
}

/** The page that shows an object, by its resource name; `undefined` where there is none. */
export function routeOf(name: string): Place | undefined {
  const parts = name.split("/");
  const [first, id = "", second, child = ""] = parts;
  switch (first) {
    case "approvals":
      return { to: "/approvals/$approval", params: { approval: id } };
    case "jobs":
      return { to: "/jobs/$job", params: { job: id } };
    case "templates":
      return { to: "/templates/$template", params: { template: id } };
    case "users":
      return { to: "/admin/users/$user", params: { user: id } };
    case "invitations":
      return { to: "/admin/users" };
    case "roles":
      return { to: "/admin/roles/$role", params: { role: id } };
    case "groups":
      return { to: "/admin/groups/$group", params: { group: id } };
    case "teams":
      return { to: "/admin/teams/$team", params: { team: id } };
    case "serviceAccounts":
      return { to: "/admin/service-accounts/$account", params: { account: id } };
    case "ssoProviders":
      return { to: "/admin/settings" };
    case "signingKeys":
      return { to: "/admin/system" };
    case "organizations":
      return { to: "/admin/organizations/$organization", params: { organization: id } };
    case "runners":
      return { to: "/admin/runners" };
    case "approvalPolicies":
    case "policies":
      return undefined;
    case "businessUnits":
      switch (second) {
        case "requests":
          return { to: "/b/$bu/requests/$request", params: { bu: id, request: child } };
        case "deployments":
          return { to: "/b/$bu/deployments/$deployment", params: { bu: id, deployment: child } };
        case "groups":
          return { to: "/b/$bu/groups/$group", params: { bu: id, group: child } };
        case "members":
          return { to: "/admin/users/$user", params: { user: child } };
        case undefined:
          return { to: "/admin/business-units/$bu", params: { bu: id } };
        case "environments":
          return { to: "/b/$bu/environments/$environment", params: { bu: id, environment: child } };
        default:
          return undefined;
      }
    default:
      return undefined;
  }
}
