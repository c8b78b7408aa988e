import { Cloud, House, type LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { classes } from "./classes";
import { Tip } from "./Tip";

export type Tone = "quiet" | "accent" | "good" | "warn" | "bad" | "cloud";

export const TONES: Record<Tone, string> = {
  quiet: "bg-hover text-text-2",
  accent: "bg-accent-soft text-accent-text",
  good: "bg-good-soft text-good",
  warn: "bg-warn-soft text-warn",
  bad: "bg-bad-soft text-bad",
  cloud: "bg-cloud-soft text-cloud",
};

export function Badge({
  tone = "quiet",
  icon: Icon,
  children,
}: {
  tone?: Tone;
  icon?: LucideIcon;
  children: ReactNode;
}) {
  return (
    <span
      className={classes(
        "inline-flex h-[22px] shrink-0 items-center gap-1 rounded-small px-1.5 text-small whitespace-nowrap",
        TONES[tone],
      )}
    >
      {Icon && <Icon size={13} aria-hidden />}
      {children}
    </span>
  );
}

/** Where an answer came from, or would: amber and a house is here, blue and a cloud is not. */
export function Place({ where, reason }: { where: "home" | "cloud"; reason?: string | undefined }) {
  const { t } = useTranslation();
  const badge = (
    <button type="button" className="cursor-default rounded-small">
      <Badge tone={where === "home" ? "accent" : "cloud"} icon={where === "home" ? House : Cloud}>
        {t(`place.${where}`)}
      </Badge>
    </button>
  );
  return reason ? <Tip text={reason}>{badge}</Tip> : badge.props.children;
}
