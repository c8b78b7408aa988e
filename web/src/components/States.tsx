import { type LucideIcon, TriangleAlert } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "@/api/client";
import { Button } from "./Button";
import { classes } from "./classes";

const PATIENCE_MS = 300;

/** Grey lines where something will stand; nothing at all if it comes within 300 ms. */
export function Skeleton({ lines = 3, className }: { lines?: number; className?: string }) {
  const { t } = useTranslation();
  const [shown, show] = useState(false);
  useEffect(() => {
    const timer = setTimeout(show, PATIENCE_MS, true);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div role="status" data-loading aria-label={t("loading")} className={classes("flex flex-col gap-3", className)}>
      {shown &&
        Array.from({ length: lines }, (_, line) => (
          <div
            key={line}
            className="h-4 animate-pulse rounded-small bg-hover"
            style={{ width: `${92 - ((line * 37) % 45)}%` }}
          />
        ))}
    </div>
  );
}

/** What an empty place is for, and the one thing to do about it. */
export function EmptyState(props: { icon: LucideIcon; title: string; text?: ReactNode; action?: ReactNode }) {
  const Icon = props.icon;
  return (
    <div className="mx-auto flex max-w-md flex-col items-center gap-3 px-6 py-16 text-center">
      <div className="flex size-12 items-center justify-center rounded-full bg-accent-soft text-accent-text">
        <Icon size={22} aria-hidden />
      </div>
      <h2 className="text-read">{props.title}</h2>
      {props.text && <p className="text-base text-text-2">{props.text}</p>}
      {props.action && <div className="mt-2">{props.action}</div>}
    </div>
  );
}

/** The sentence for a failure, whatever failed. */
export function useSentence(): (error: unknown) => string {
  const { t } = useTranslation();
  return (error) => {
    if (error instanceof Problem) return error.status === 0 ? t("problem.unreachable") : capital(error.message);
    return error instanceof Error && error.message ? error.message : t("problem.unknown");
  };
}

/** A sentence begins with a capital; a name at its beginning, such as that of a file, stays as it is. */
function capital(text: string): string {
  if (!/^\p{L}+[\s,:']/u.test(text)) return text;
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}

/** A failure where it happened: what it was, and what can be done. */
export function ProblemBox(props: { error: unknown; onRetry?: () => void; action?: ReactNode; className?: string }) {
  const { t } = useTranslation();
  const sentence = useSentence();
  return (
    <div
      role="alert"
      className={classes(
        "flex items-start gap-3 rounded-base border border-bad/40 bg-bad-soft px-3 py-2.5",
        props.className,
      )}
    >
      <TriangleAlert size={17} aria-hidden className="mt-[3.5px] shrink-0 text-bad" />
      <p className="min-w-0 flex-1 text-base break-words text-text">{sentence(props.error)}</p>
      {props.action}
      {props.onRetry && (
        <Button small onClick={props.onRetry}>
          {t("again")}
        </Button>
      )}
    </div>
  );
}
