import { useTranslation } from "react-i18next";
import { bytes, number } from "@/app/formats";
import { Badge, type Tone } from "@/components/Badge";
import { Meter } from "@/components/Meter";
import type { Plan, Share, Verdict } from "./api";

const TONES: Record<Verdict, Tone> = { fits: "good", tight: "warn", disk: "warn", no: "bad" };
const BARS = { fits: "good", tight: "warn", disk: "warn", no: "bad" } as const;

export const needed = (share: Share) => share.weights_bytes + share.cache_bytes + share.compute_bytes;

/** Whether a model runs here: a word, and beside it how much of what is free it takes. */
export function Fit({ plan, rough }: { plan: Plan; rough?: boolean }) {
  const { t } = useTranslation("models");
  const free = plan.devices.reduce((sum, share) => sum + share.free_bytes, 0);
  const text = t("fit.memory", { needed: (rough ? "~" : "") + bytes(plan.needed_bytes), free: bytes(free) });
  return (
    <div
      className="flex w-44 flex-col gap-1"
      title={plan.devices.map((d) => `${d.device}: ${bytes(needed(d))}`).join("\n")}
    >
      <div className="flex items-center gap-2">
        <Badge tone={TONES[plan.verdict]}>{t(`fit.${plan.verdict}`)}</Badge>
        {plan.speed && <Speed plan={plan} />}
      </div>
      {free > 0 && (
        <Meter label={t("fit.label")} value={plan.needed_bytes} max={free} text={text} tone={BARS[plan.verdict]} />
      )}
      <span className="text-small text-text-3">{text}</span>
    </div>
  );
}

export function Speed({ plan }: { plan: Plan }) {
  const { t } = useTranslation("models");
  if (!plan.speed) return null;
  const { low, middle, high } = plan.speed.answer;
  const short = (value: number) =>
    number(value, { maximumSignificantDigits: value < 10 ? 2 : 3, maximumFractionDigits: 0 });
  return (
    <span className="tabular text-small text-text-2" title={t("fit.range", { low: short(low), high: short(high) })}>
      {t("fit.speed", { speed: short(middle) })}
    </span>
  );
}
