import { PrincipalChip } from "~/components/principal-chip";

/**
 * Who may do something, as the server names them: people, roles, the owner of the unit, holders of a permission, or whom
 * a sentence describes.
 */
export function Approvers({ names, join = "or" }: { names: readonly string[]; join?: "or" | "and" }) {
  return names.map((name, index) => (
    <span key={name}>
      {index > 0 && (index === names.length - 1 ? ` ${join} ` : ", ")}
      <Approver name={name} />
    </span>
  ));
}

function Approver({ name }: { name: string }) {
  if (name === "businessUnitOwner") return "the owner of the business unit";
  if (/^[a-z_]+(:[a-z_<>]+)+$/.test(name)) {
    return (
      <>
        whoever holds <code>{name}</code>
      </>
    );
  }
  return name.includes("/") ? <PrincipalChip name={name} /> : name;
}
