import { Link, useMatchRoute, useNavigate } from "@tanstack/react-router";
import { ChevronsUpDown, LogOut, Menu as MenuIcon, PanelLeft, Search, SunMoon, UserRound } from "lucide-react";
import { lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import { session } from "~/api/client";
import { useAccess } from "~/api/live";
import { cn } from "~/lib/cn";
import { useMe, usePermissions } from "~/lib/me";
import { idOf } from "~/lib/names";
import { useAccountTheme, useChooseTheme } from "~/lib/preferences";
import { listenToKeys, useRegisterActions } from "~/lib/shortcuts";
import { leaveFor } from "~/lib/sso";
import { type Theme, useTheme } from "~/lib/theme";
import { ALL_UNITS, useChooseUnit, useMyUnits, useParent } from "~/lib/unit";
import { IconButton } from "~/ui/button";
import { Menu, MenuItem, MenuLabel, MenuRadioGroup, MenuRadioItem, MenuSeparator } from "~/ui/menu";
import { Tooltip } from "~/ui/tooltip";
import { ConnectionState } from "./connection-state";
import { KeyList } from "./key-list";
import { Logo } from "./logo";
import { administrationPlaces, type Destination, workPlaces } from "./places";

// Of use only once a page is there: its code comes when the page has settled, before anybody asks for it.
const loadPalette = () => import("./palette").then((module) => ({ default: module.Palette }));
const Palette = lazy(loadPalette);
const SETTLED = 2_000;

const COLLAPSED = "flagstone.rail";

/** What surrounds every page: rail, header, palette, keys. */
export function Shell({ children }: { children: ReactNode }) {
  const navigate = useNavigate();
  const { holds } = usePermissions();
  const [collapsed, setCollapsed] = useState(() => localStorage.getItem(COLLAPSED) === "1");
  const [paletteOpen, setPaletteOpen] = useState(false);
  const [keysOpen, setKeysOpen] = useState(false);

  useAccess();
  useAccountTheme();
  useEffect(listenToKeys, []);
  useEffect(() => {
    // Where it cannot be loaded now, it is tried again when it is opened.
    const timer = setTimeout(() => void loadPalette().catch(() => undefined), SETTLED);
    return () => clearTimeout(timer);
  }, []);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setPaletteOpen((open) => !open);
      }
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);

  const work = workPlaces(holds);
  const administration = administrationPlaces(holds);
  useRegisterActions([
    ...[...work, ...administration].map(({ to, label, key }) => ({
      label: to === "/admin" ? "Go to Administration" : `Go to ${label}`,
      group: "Go",
      keys: `g ${key}`,
      run: () => void navigate({ to }),
    })),
    { label: "Go to Profile", group: "Go", keys: "g p", run: () => void navigate({ to: "/profile" }) },
    { label: "Let a device in", group: "Go", run: () => void navigate({ to: "/auth/device" }) },
    ...(holds("platform:organizations:manage_settings")
      ? [{ label: "Set up the organization", group: "Go", run: () => void navigate({ to: "/welcome" }) }]
      : []),
    { label: "Search and commands", group: "General", keys: "/", run: () => setPaletteOpen(true) },
    { label: "Show the keys", group: "General", keys: "?", run: () => setKeysOpen(true) },
  ]);
  const toggle = () => {
    localStorage.setItem(COLLAPSED, collapsed ? "0" : "1");
    setCollapsed(!collapsed);
  };
  return (
    <div
      className={cn(
        "min-h-dvh md:grid",
        collapsed ? "md:grid-cols-[48px_minmax(0,1fr)]" : "md:grid-cols-[220px_minmax(0,1fr)]",
      )}
    >
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:bg-float focus:p-2"
      >
        Skip to the page
      </a>
      <aside className="sticky top-0 hidden h-dvh flex-col gap-1 border-line border-r bg-surface p-2 md:flex">
        <div className="flex h-8 items-center gap-2 px-1">
          <Logo />
          {!collapsed && <span className="font-semibold text-lg">Flagstone</span>}
        </div>
        <nav aria-label="Main" className="mt-2 flex flex-1 flex-col gap-0.5 overflow-y-auto">
          {work.map((item) => (
            <RailLink key={item.to} item={item} collapsed={collapsed} />
          ))}
          {administration.length > 0 && !collapsed && (
            <h2 className="mt-4 mb-1 px-2 font-medium text-muted text-sm">Administration</h2>
          )}
          {administration.map((item) => (
            <RailLink key={item.to} item={item} collapsed={collapsed} />
          ))}
        </nav>
        <IconButton
          label={collapsed ? "Widen the rail" : "Narrow the rail"}
          onClick={toggle}
          aria-expanded={!collapsed}
        >
          <PanelLeft />
        </IconButton>
      </aside>
      <div className="flex min-w-0 flex-col pb-14 md:pb-0">
        <header className="sticky top-0 z-30 flex h-12 items-center gap-2 border-line border-b bg-canvas px-3 md:px-6">
          <span className="md:hidden">
            <Logo />
          </span>
          <UnitSwitcher />
          <div className="flex-1" />
          <ConnectionState />
          <button
            type="button"
            onClick={() => setPaletteOpen(true)}
            aria-keyshortcuts="Control+K"
            className="hidden h-8 w-52 items-center gap-2 rounded-md border border-line-strong px-2 text-muted hover:border-faint sm:flex"
          >
            <Search className="size-4" aria-hidden />
            <span className="flex-1 text-left">Search</span>
            <span className="text-sm">Ctrl K</span>
          </button>
          <IconButton label="Search and commands" className="sm:hidden" onClick={() => setPaletteOpen(true)}>
            <Search />
          </IconButton>
          <PersonMenu />
        </header>
        <main id="main" tabIndex={-1} className="min-w-0 flex-1 outline-none">
          {children}
        </main>
      </div>
      <BottomBar items={work.slice(0, 4)} rest={[...work.slice(4), ...administration]} />
      {paletteOpen && (
        <Suspense>
          <Palette open onOpenChange={setPaletteOpen} />
        </Suspense>
      )}
      <KeyList open={keysOpen} onOpenChange={setKeysOpen} />
    </div>
  );
}

function RailLink({ item: { to, label, icon: Icon }, collapsed }: { item: Destination; collapsed: boolean }) {
  const link = (
    <Link
      to={to}
      // The overview of administration is not the place of all that is below it.
      activeOptions={{ exact: to === "/" || to === "/admin" }}
      className="flex h-8 items-center gap-2 rounded-md px-2 text-muted transition-colors hover:bg-hover hover:text-ink aria-[current]:bg-active aria-[current]:font-semibold aria-[current]:text-ink"
      aria-label={collapsed ? label : undefined}
    >
      <Icon aria-hidden className="size-4 shrink-0" />
      {!collapsed && label}
    </Link>
  );
  return collapsed ? <Tooltip text={label}>{link}</Tooltip> : link;
}

function BottomBar({ items, rest }: { items: readonly Destination[]; rest: readonly Destination[] }) {
  const navigate = useNavigate();
  const matches = useMatchRoute();
  return (
    <nav
      aria-label="Main"
      className="fixed inset-x-0 bottom-0 z-30 grid h-14 auto-cols-fr grid-flow-col border-line border-t bg-surface md:hidden"
    >
      {items.map(({ to, label, icon: Icon }) => (
        <Link
          key={to}
          to={to}
          activeOptions={{ exact: to === "/" }}
          className="flex flex-col items-center justify-center gap-0.5 text-muted text-xs aria-[current]:font-semibold aria-[current]:text-ink"
        >
          <Icon aria-hidden className="size-5" />
          {label}
        </Link>
      ))}
      <Menu
        trigger={
          <button
            type="button"
            className={cn(
              "flex flex-col items-center justify-center gap-0.5 text-muted text-xs",
              rest.some(({ to }) => matches({ to, fuzzy: true })) && "font-semibold text-ink",
            )}
          >
            <MenuIcon aria-hidden className="size-5" />
            More
          </button>
        }
      >
        {rest.map(({ to, label, icon: Icon }) => (
          <MenuItem key={to} onSelect={() => void navigate({ to })}>
            <Icon aria-hidden />
            {label}
          </MenuItem>
        ))}
      </Menu>
    </nav>
  );
}

function UnitSwitcher() {
  const parent = useParent();
  const list = useMyUnits();
  const choose = useChooseUnit();
  const current = list.find(({ name }) => name === parent);
  const label = current
    ? current.label
    : parent === `businessUnits/${ALL_UNITS}`
      ? "All my business units"
      : idOf(parent);
  return (
    <Menu
      align="start"
      trigger={
        <button
          type="button"
          aria-label={`Business unit: ${label}`}
          className="flex h-8 min-w-0 items-center gap-1.5 rounded-md px-2 font-medium hover:bg-hover"
        >
          <span className="truncate">{label}</span>
          <ChevronsUpDown aria-hidden className="size-4 shrink-0 text-muted" />
        </button>
      }
    >
      <MenuLabel>Business unit of the lists</MenuLabel>
      <MenuRadioGroup value={idOf(parent)} onValueChange={choose}>
        <MenuRadioItem value={ALL_UNITS}>All my business units</MenuRadioItem>
        {list.map(({ name, label, code, role, isActive }) => (
          <MenuRadioItem key={name} value={idOf(name)}>
            <span className="min-w-0 max-w-60 flex-1 truncate" dir="auto">
              {label}
            </span>
            <span className="text-muted text-sm">
              {[label !== code && code, role && `as ${idOf(role)}`, !isActive && "inactive"]
                .filter(Boolean)
                .join(" · ")}
            </span>
          </MenuRadioItem>
        ))}
      </MenuRadioGroup>
    </Menu>
  );
}

function PersonMenu() {
  const me = useMe();
  const navigate = useNavigate();
  const theme = useTheme();
  // Where the other devices could not be told, this one has it all the same; the profile says so.
  const { choose } = useChooseTheme();
  const leave = () => {
    session.logout().then(
      // The provider would let in again, without a question, whoever sits down next.
      (providerUrl) => (providerUrl ? leaveFor(providerUrl) : window.location.assign("/login")),
      () => window.location.assign("/login"),
    );
  };
  return (
    <Menu
      trigger={
        <button
          type="button"
          aria-label={me ? `Account of ${me.fullName || me.username}` : "Account"}
          className="flex size-8 shrink-0 items-center justify-center rounded-full bg-accent-soft font-semibold text-accent-strong text-sm hover:bg-active"
        >
          {me ? initials(me.fullName || me.username) : <UserRound aria-hidden className="size-4" />}
        </button>
      }
    >
      {me && (
        <MenuLabel>
          <span className="block font-semibold text-ink">{me.fullName || me.username}</span>
          {me.email}
        </MenuLabel>
      )}
      <MenuSeparator />
      <MenuItem onSelect={() => void navigate({ to: "/profile" })}>
        <UserRound aria-hidden />
        Profile
      </MenuItem>
      <MenuSeparator />
      <MenuLabel>
        <span className="flex items-center gap-2">
          <SunMoon aria-hidden className="size-4" />
          Theme
        </span>
      </MenuLabel>
      <MenuRadioGroup value={theme} onValueChange={(value) => choose(value as Theme)}>
        <MenuRadioItem value="system">As the system</MenuRadioItem>
        <MenuRadioItem value="light">Light</MenuRadioItem>
        <MenuRadioItem value="dark">Dark</MenuRadioItem>
      </MenuRadioGroup>
      <MenuSeparator />
      <MenuItem onSelect={leave}>
        <LogOut aria-hidden />
        Log out
      </MenuItem>
    </Menu>
  );
}

function initials(name: string): string {
  const letters = name.split(/\s+/).map((part) => [...part][0] ?? "");
  return (letters.length > 1 ? `${letters[0]}${letters.at(-1)}` : (letters[0] ?? "")).toUpperCase();
}
