import { useQuery } from "@connectrpc/connect-query";
import { Link } from "@tanstack/react-router";
import { QueryView } from "~/components/query-view";
import { TemplateService } from "~/gen/flagstone/v1/template_service_pb";
import { idOf } from "~/lib/names";
import { buttonClass } from "~/ui/button";

/** Leads to the templates that are recommended, or to all of them. */
export function DeploymentStep() {
  const templates = useQuery(TemplateService.method.listTemplates, { filter: "recommended = true", pageSize: 6 });
  return (
    <div className="flex flex-col gap-4">
      <QueryView query={templates} title="The templates could not be read" lines={3}>
        {({ templates: found }) =>
          found.length > 0 && (
            <ul aria-label="Recommended templates" className="border-line border-t">
              {found.map(({ name, displayName, description }) => (
                <li key={name} className="flex items-center gap-3 border-line border-b py-1.5">
                  <span className="min-w-0 flex-1">
                    <span className="font-medium" dir="auto">
                      {displayName}
                    </span>
                    <span className="block truncate text-muted text-sm" dir="auto">
                      {description}
                    </span>
                  </span>
                  <Link
                    to="/templates/$template/order"
                    params={{ template: idOf(name) }}
                    className={buttonClass("secondary", "sm")}
                    aria-label={`Order ${displayName}`}
                  >
                    Order
                  </Link>
                </li>
              ))}
            </ul>
          )
        }
      </QueryView>
      <div>
        <Link to="/templates" className={buttonClass("primary")}>
          Choose a template
        </Link>
      </div>
    </div>
  );
}
