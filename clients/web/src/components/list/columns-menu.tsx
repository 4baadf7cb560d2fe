import { Columns3 } from "lucide-react";
import { useMemo, useState } from "react";
import { Button } from "~/ui/button";
import { Checkbox } from "~/ui/field";
import { Popover } from "~/ui/popover";
import type { Column } from "./data-table";

function read(key: string): string[] {
  const stored = localStorage.getItem(key);
  return stored ? stored.split(",") : [];
}

/** The columns of a list without those that the reader hid, and the menu to hide them. Kept in this browser. */
export function useColumns<Row>(list: string, columns: readonly Column<Row>[]) {
  const key = `flagstone.hidden.${list}`;
  const [hidden, setHidden] = useState(() => read(key));
  const toggle = (id: string) => {
    const next = hidden.includes(id) ? hidden.filter((other) => other !== id) : [...hidden, id];
    localStorage.setItem(key, next.join(","));
    setHidden(next);
  };
  // The first column names the row, and links to it.
  const others = columns.slice(1);
  // The same columns as long as no other is hidden: rows are drawn again only then.
  const shown = useMemo(
    () => columns.filter((column, index) => index === 0 || !hidden.includes(column.id)),
    [columns, hidden],
  );
  const menu = (
    <span className="hidden sm:block">
      <Popover
        label="Columns"
        trigger={
          <Button size="sm" variant="ghost" icon={<Columns3 aria-hidden className="size-4" />}>
            Columns
          </Button>
        }
      >
        <fieldset className="flex flex-col gap-2">
          <legend className="mb-1 font-medium">Columns</legend>
          {others.map(({ id, header }) => (
            <Checkbox key={id} label={header} checked={!hidden.includes(id)} onChange={() => toggle(id)} />
          ))}
        </fieldset>
      </Popover>
    </span>
  );
  return [shown, menu] as const;
}
