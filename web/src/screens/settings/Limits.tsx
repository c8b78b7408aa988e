import { useTranslation } from "react-i18next";
import { useOffer } from "@/api/server";
import type { Limits as GivenLimits } from "@/api/session";
import { money, number } from "@/app/formats";
import { TextField } from "@/components/Field";

export interface LimitTexts {
  models: string;
  requests_per_minute: string;
  tokens_per_day: string;
  tokens_per_month: string;
  cost_per_month: string;
}

export const NO_LIMITS: LimitTexts = {
  models: "",
  requests_per_minute: "",
  tokens_per_day: "",
  tokens_per_month: "",
  cost_per_month: "",
};
const NUMBERS = ["requests_per_minute", "tokens_per_day", "tokens_per_month"] as const;

/** As the server takes them: an empty box is no limit. */
export function limitsOf(texts: LimitTexts) {
  const number = (text: string) => (text === "" ? null : Number(text));
  return {
    models: texts.models
      .split(",")
      .map((part) => part.trim())
      .filter(Boolean),
    requests_per_minute: number(texts.requests_per_minute),
    tokens_per_day: number(texts.tokens_per_day),
    tokens_per_month: number(texts.tokens_per_month),
    cost_per_month: number(texts.cost_per_month),
  };
}

/** What is limited, in words. */
export function useLimitWords(): (limits: GivenLimits) => string[] {
  const { t } = useTranslation("settings");
  const currency = useOffer()?.currency;
  return (limits) =>
    [
      limits.requests_per_minute && t("keys.perMinute", { count: limits.requests_per_minute }),
      limits.tokens_per_day && t("keys.perDay", { tokens: number(limits.tokens_per_day) }),
      limits.tokens_per_month && t("keys.perMonth", { tokens: number(limits.tokens_per_month) }),
      currency && limits.cost_per_month && t("keys.moneyPerMonth", { money: money(limits.cost_per_month, currency) }),
    ].filter((words) => typeof words === "string" && words !== "") as string[];
}

/** The only models, and how much of them, for a key or each member of a group. */
export function Limits(props: { value: LimitTexts; onChange: (value: LimitTexts) => void; models: boolean }) {
  const { t } = useTranslation("settings");
  const currency = useOffer()?.currency; // none: what work costs is not known here
  return (
    <>
      {props.models && (
        <TextField
          label={t("limits.models")}
          hint={t("limits.modelsHint")}
          placeholder={t("limits.all")}
          value={props.value.models}
          onChange={(event) => props.onChange({ ...props.value, models: event.target.value })}
        />
      )}
      <div className="grid gap-3 sm:grid-cols-3">
        {NUMBERS.map((name) => (
          <TextField
            key={name}
            label={t(`limits.${name}`)}
            type="number"
            min={1}
            placeholder={t("limits.any")}
            value={props.value[name]}
            onChange={(event) => props.onChange({ ...props.value, [name]: event.target.value })}
          />
        ))}
        {currency && (
          <TextField
            label={t("limits.cost_per_month", { currency })}
            type="number"
            min={0}
            step="any"
            placeholder={t("limits.any")}
            value={props.value.cost_per_month}
            onChange={(event) => props.onChange({ ...props.value, cost_per_month: event.target.value })}
          />
        )}
      </div>
    </>
  );
}
