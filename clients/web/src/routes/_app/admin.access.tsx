import { createFileRoute } from "@tanstack/react-router";
import { useLive } from "~/api/live";
import { ExplainDecision, ExplainQuestion } from "~/components/access/explain-access";
import { WhoCanList } from "~/components/access/who-can";
import { Page } from "~/components/page";
import { readTexts } from "~/lib/filter";
import { type TabItem, Tabs } from "~/ui/tabs";

const TABS = [
  { id: "question", label: "Explain a question" },
  { id: "decision", label: "Explain a decision" },
  { id: "who", label: "Who can" },
] as const satisfies TabItem<string>[];
type Tab = (typeof TABS)[number]["id"];

/** A question stays while one goes from tab to tab: who else can, and why one cannot, are often asked together. */
interface AccessSearch {
  tab?: Tab;
  decision?: string;
  principal?: string;
  permission?: string;
  object?: string;
}

const KEYS = { decision: true, principal: true, permission: true, object: true } as const;

export const Route = createFileRoute("/_app/admin/access")({
  validateSearch: (search: Record<string, unknown>): AccessSearch => {
    const texts = readTexts(KEYS, search);
    const tab = TABS.find(({ id }) => id === search.tab)?.id ?? (texts.decision ? "decision" : undefined);
    return { ...texts, ...(tab && { tab }) };
  },
  component: Access,
});

function Access() {
  const { tab = "question", decision, ...asked } = Route.useSearch();
  const navigate = Route.useNavigate();
  useLive({ types: ["role", "role_binding", "group", "team", "business_unit_member", "user"] });
  const ask = (patch: AccessSearch) =>
    void navigate({
      search: (before) => ({
        ...before,
        ...Object.fromEntries(Object.entries(patch).map(([key, value]) => [key, value || undefined])),
      }),
    });
  return (
    <Page
      title="Access"
      lead="Why somebody may or may not do something, and who can. The server answers with the same rules by which it decides."
      crumbs={[{ to: "/admin", label: "Administration" }]}
    >
      <Tabs label="Access" items={TABS} value={tab} onChange={(next) => ask({ tab: next })}>
        {tab === "question" && <ExplainQuestion asked={asked} onAsk={ask} />}
        {tab === "decision" && <ExplainDecision decision={decision} onAsk={(next) => ask({ decision: next })} />}
        {tab === "who" && <WhoCanList asked={asked} onAsk={ask} />}
      </Tabs>
    </Page>
  );
}
