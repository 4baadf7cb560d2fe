import { useActions } from "~/lib/shortcuts";
import { Dialog } from "~/ui/dialog";
import { Kbd } from "~/ui/kbd";

/** Every key that does something on the page that is open. */
export function KeyList({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  const actions = useActions().filter((action) => action.keys);
  const groups = [...new Set(actions.map(({ group }) => group))];
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title="Keys">
      <div className="grid gap-6 sm:grid-cols-2">
        {groups.map((group) => (
          <section key={group}>
            <h3 className="mb-1 font-semibold">{group}</h3>
            <ul>
              {group === "General" && <Key label="Search and commands" keys="Ctrl K" />}
              {actions
                .filter((action) => action.group === group)
                .map(({ label, keys }) => (
                  <Key key={label + keys} label={label} keys={keys ?? ""} />
                ))}
            </ul>
          </section>
        ))}
      </div>
    </Dialog>
  );
}

function Key({ label, keys }: { label: string; keys: string }) {
  return (
    <li className="flex h-7 items-center justify-between gap-4">
      {label}
      <Kbd keys={keys} />
    </li>
  );
}
