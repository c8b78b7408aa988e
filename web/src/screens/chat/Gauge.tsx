import { Scissors } from "lucide-react";
import { useTranslation } from "react-i18next";
import { number, percent } from "@/app/formats";
import { Meter } from "@/components/Meter";
import { Tip } from "@/components/Tip";
import type { Step } from "./data/tree";

/** How much of what the model can keep in mind is used, as its last answer told; and whether something fell out. */
export function Gauge({ path }: { path: Step[] }) {
  const { t } = useTranslation("chat");
  const last = path.findLast((step) => step.message.context)?.message;
  if (!last?.context) return <span className="flex-1" />;
  const { used_tokens: used, size_tokens: size } = last.context;
  const share = used / size;
  const text = t("context.text", { used: number(used), size: number(size) });
  const dropped = last.overflow?.messages.length ?? 0;
  return (
    <span className="flex min-w-0 flex-1 justify-end pr-2">
      <Tip text={dropped ? `${text} ${t("dropped", { count: dropped })}` : text} side="top">
        <button
          type="button"
          className="flex h-8 min-w-0 cursor-default items-center gap-2 rounded-base px-2 text-small text-text-3"
        >
          {dropped > 0 && <Scissors size={14} aria-hidden className="text-warn" />}
          <span className="hidden truncate sm:inline">{t("context.label")}</span>
          <span className="tabular">{percent(share)}</span>
          <span className="hidden w-16 sm:block">
            <Meter
              label={t("context.label")}
              value={used}
              max={size}
              text={text}
              tone={share > 0.9 ? "warn" : "accent"}
            />
          </span>
        </button>
      </Tip>
    </span>
  );
}
