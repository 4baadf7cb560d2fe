// How templates look: icon, provider, badges.

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
