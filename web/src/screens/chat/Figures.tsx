import { useTranslation } from "react-i18next";
import { energy, money, number, seconds } from "@/app/formats";
import { Place } from "@/components/Badge";
import { classes } from "@/components/classes";
import type { Message } from "./data/chats";

/** A quiet line under an answer: how fast, how much, what it took, and where it was made. */
export function Figures({ message, quiet }: { message: Message; quiet: boolean }) {
  const { t } = useTranslation("chat");
  const { stats, place, model } = message;
  const about = stats?.estimated ? "≈ " : "";
  const told = [
    model,
    stats?.tokens_per_second
      ? t("figures.speed", {
          value: number(stats.tokens_per_second, { maximumFractionDigits: stats.tokens_per_second < 10 ? 1 : 0 }),
        })
      : null,
    stats?.answer_tokens
      ? t("figures.tokens", { count: stats.answer_tokens, value: number(stats.answer_tokens) })
      : null,
    stats?.joules ? about + energy(stats.joules) : null,
    stats?.cost ? about + money(stats.cost, stats.currency) : null,
  ].filter(Boolean);
  const more = [
    stats?.prompt_tokens ? t("figures.prompt", { value: number(stats.prompt_tokens) }) : null,
    stats?.cached_tokens ? t("figures.cached", { value: number(stats.cached_tokens) }) : null,
    stats?.first_token_seconds ? t("figures.first", { value: seconds(stats.first_token_seconds) }) : null,
  ].filter(Boolean);
  return (
    <div
      className={classes(
        "ml-auto flex min-w-0 items-center gap-2 text-small text-text-3 transition-opacity duration-100",
        quiet && "opacity-0 group-hover:opacity-100 group-focus-within:opacity-100 pointer-coarse:opacity-100",
      )}
    >
      <span className="tabular min-w-0 truncate" title={more.join(" · ")}>
        {told.join(" · ")}
      </span>
      {place && <Place where={place.where} reason={place.reason} />}
    </div>
  );
}
