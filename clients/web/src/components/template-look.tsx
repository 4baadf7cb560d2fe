// How templates look: icon, provider, badges, and their guide.

import {
  Archive,
  Box,
  Boxes,
  Cloud,
  Container,
  Cpu,
  Database,
  FileCode,
  FileText,
  Globe,
  HardDrive,
  KeyRound,
  Lock,
  type LucideIcon,
  MessageSquare,
  Network,
  Package,
  Server,
  Shield,
  Star,
  Workflow,
} from "lucide-react";
import Markdown from "react-markdown";
import remarkGfm from "remark-gfm";
import { Provider, type Template } from "~/gen/flagstone/v1/template_service_pb";

/** The icons that templates use. All of Lucide would be larger than the rest of the application. */
const ICONS: Record<string, LucideIcon> = {
  archive: Archive,
  box: Box,
  boxes: Boxes,
  cloud: Cloud,
  container: Container,
  cpu: Cpu,
  database: Database,
  "file-code": FileCode,
  "file-text": FileText,
  globe: Globe,
  "hard-drive": HardDrive,
  "key-round": KeyRound,
  lock: Lock,
  "message-square": MessageSquare,
  network: Network,
  package: Package,
  server: Server,
  shield: Shield,
  workflow: Workflow,
};

export function TemplateIcon({ icon, large }: { icon: string; large?: boolean }) {
  const Icon = ICONS[icon] ?? Package;
  return (
    <span
      aria-hidden
      className={`inline-flex shrink-0 items-center justify-center rounded-md bg-accent-soft text-accent-strong ${
        large ? "size-9 [&_svg]:size-5" : "size-6 [&_svg]:size-4"
      }`}
    >
      <Icon />
    </span>
  );
}

const PROVIDERS: Record<number, string> = {
  [Provider.AWS]: "AWS",
  [Provider.GCP]: "Google Cloud",
  [Provider.AZURE]: "Azure",
  [Provider.KUBERNETES]: "Kubernetes",
  [Provider.NONE]: "No provider",
};

/** Where what a template makes lives. */
export function providerWord(provider: Provider): string {
  return PROVIDERS[provider] ?? "Unknown provider";
}

const BADGE = "inline-flex h-5 items-center gap-1 rounded-sm px-1.5 font-medium text-sm whitespace-nowrap";

/** Golden path, and locked: each with a word. */
export function TemplateBadges({ template: { recommended, locked } }: { template: Template }) {
  return (
    <>
      {recommended && (
        <span className={`${BADGE} bg-accent-soft text-accent-strong`} title="Recommended by the platform team">
          <Star aria-hidden className="size-3.5" />
          Golden path
        </span>
      )}
      {locked && (
        <span className={`${BADGE} bg-sunken text-muted`} title="Only people with access may order it">
          <Lock aria-hidden className="size-3.5" />
          Locked
        </span>
      )}
    </>
  );
}

const PROSE = [
  "flex flex-col gap-3 leading-[22px]",
  "[&_h2]:mt-2 [&_h2]:font-semibold [&_h2]:text-lg [&_h3]:mt-2 [&_h3]:font-semibold [&_h4]:font-semibold",
  "[&_ul]:list-disc [&_ul]:pl-5 [&_ol]:list-decimal [&_ol]:pl-5 [&_li]:my-1",
  "[&_a]:text-accent-strong [&_a]:underline",
  "[&_:not(pre)>code]:rounded-sm [&_:not(pre)>code]:bg-sunken [&_:not(pre)>code]:px-1",
  "[&_pre]:overflow-x-auto [&_pre]:rounded-md [&_pre]:bg-sunken [&_pre]:p-3",
  "[&_blockquote]:border-line-strong [&_blockquote]:border-l-2 [&_blockquote]:pl-3 [&_blockquote]:text-muted",
  "[&_table]:w-full [&_th]:border-line [&_th]:border-b [&_th]:py-1.5 [&_th]:pr-4 [&_th]:text-left [&_th]:font-medium",
  "[&_td]:border-line [&_td]:border-b [&_td]:py-1.5 [&_td]:pr-4 [&_td]:align-top",
].join(" ");

/** A text of a template's author. HTML in it is text, and links open without telling where they were found. */
export function Guide({ text }: { text: string }) {
  return (
    <div className={PROSE} dir="auto">
      <Markdown
        remarkPlugins={[remarkGfm]}
        skipHtml
        // The page already has a title of the first rank.
        components={{
          h1: ({ children }) => <h2>{children}</h2>,
          h2: ({ children }) => <h3>{children}</h3>,
          h3: ({ children }) => <h4>{children}</h4>,
          // Pictures would be asked for at other places, which the policy of the page refuses.
          img: ({ alt }) => <em>{alt}</em>,
          a: ({ href, children }) => (
            <a href={href} target="_blank" rel="noopener noreferrer">
              {children}
            </a>
          ),
          table: ({ children }) => (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: a wide table is scrolled with the keyboard
            <section className="overflow-x-auto" tabIndex={0} aria-label="Table">
              <table>{children}</table>
            </section>
          ),
        }}
      >
        {text}
      </Markdown>
    </div>
  );
}
