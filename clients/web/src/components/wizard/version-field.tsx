import { useQuery } from "@connectrpc/connect-query";
import { TemplateService } from "~/gen/flagstone/v1/template_service_pb";
import { idOf, partOf } from "~/lib/names";
import { Field, Select } from "~/ui/field";
import { Part } from "./request-wizard";

/** Which version of its template a deployment gets. */
export function VersionField({
  value,
  onChange,
  current,
}: {
  value: string;
  onChange: (version: string) => void;
  /** The one it has now. */
  current?: string;
}) {
  const template = partOf(value, "templates");
  const { data, error } = useQuery(TemplateService.method.listTemplateVersions, {
    parent: `templates/${template}`,
    pageSize: 200,
  });
  const names = (data?.templateVersions ?? []).map(({ name }) => name);
  const all = names.includes(value) ? names : [value, ...names];
  const latest = names[0];
  const notes = (name: string) => {
    const words = [name === latest && "latest", name === current && "in use"].filter(Boolean);
    return words.length > 0 ? ` (${words.join(", ")})` : "";
  };
  return (
    <Part title="Template">
      <Field
        id="field-template_version"
        label={`Version of ${template}`}
        help={latest && latest !== value ? `The latest is ${idOf(latest)}.` : undefined}
        errors={error ? ["The other versions could not be read."] : []}
      >
        {(control) => (
          <Select {...control} className="max-w-64" value={value} onChange={(event) => onChange(event.target.value)}>
            {all.map((name) => (
              <option key={name} value={name}>
                {idOf(name)}
                {notes(name)}
              </option>
            ))}
          </Select>
        )}
      </Field>
    </Part>
  );
}
