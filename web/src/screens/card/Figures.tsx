import { useTranslation } from "react-i18next";
import { bytes, energyAndCost, number } from "@/app/formats";
import { Table } from "@/components/Table";
import { type Card, type Energy, type Estimate, interval, share, short, verdict } from "./estimates";

interface Row {
  key: string;
  name: string;
  value: string;
  about: string;
  words: string; // the value in words
}

/** Every figure of a card, with the interval that holds it and what it means. What nobody measured is said to be unknown. */
export function Figures({ card, energy }: { card: Card; energy: Energy | null }) {
  const { t } = useTranslation("card");
  const { distance, speed } = card;
  const rows: Row[] = [];
  const add = (key: string, name: string, value: string, about = "", words = "") =>
    rows.push({ key, name, value, about, words });
  if (distance) {
    add(
      "divergence",
      t("divergence"),
      interval(t, distance.divergence),
      t("about.divergence"),
      t(`verdict.${verdict(distance.divergence.value)}`),
    );
    add("worst", t("worst"), short(distance.divergence_99), t("about.worst", { most: short(distance.most) }));
    add("same", t("sameTop"), interval(t, distance.same_top, share), t("about.sameTop"));
    add("change", t("change"), interval(t, changeOf(distance.perplexity_ratio), share), t("about.change"));
  }
  add("perplexity", t("perplexity"), interval(t, card.perplexity), t("about.perplexity"));
  for (const [language, answers] of card.answers) {
    add(
      language,
      t(`questions.${language}`, { defaultValue: language }),
      interval(t, answers.share, share),
      t("about.questions"),
      t("rightOf", { right: answers.right, of: answers.of }),
    );
  }
  add(
    "writing",
    t("writing"),
    speed ? t("speed", { speed: interval(t, speed.writing) }) : t("unknown"),
    t("about.writing"),
  );
  add(
    "reading",
    t("reading"),
    speed ? t("speed", { speed: interval(t, speed.reading) }) : t("unknown"),
    speed ? t("about.reading", { tokens: speed.prompt_tokens }) : "",
  );
  add("memory", t("memory"), speed?.memory_bytes ? bytes(speed.memory_bytes) : t("unknown"));
  add("size", t("size"), bytes(card.size_bytes));
  add(
    "energy",
    t("energy"),
    energy ? t("perThousand", { amount: amountOf(energy) }) : t("unknown"),
    energy ? t("about.energyOf", { count: energy.requests, shown: number(energy.requests) }) : t("about.energy"),
  );
  return (
    <Table
      label={t("figures")}
      columns={[
        {
          title: t("figure"),
          cell: (row) => (
            <>
              <span className="block text-base font-medium">{row.name}</span>
              {row.about && <span className="block max-w-prose text-text-3">{row.about}</span>}
            </>
          ),
        },
        {
          title: t("value"),
          cell: (row) => (
            <>
              <span className="tabular block text-base">{row.value}</span>
              {row.words && <span className="block text-text-3">{row.words}</span>}
            </>
          ),
        },
      ]}
      rows={rows}
      keyOf={(row) => row.key}
    />
  );
}

function changeOf(ratio: Estimate): Estimate {
  return { value: ratio.value - 1, low: ratio.low - 1, high: ratio.high - 1 };
}

function amountOf({ joules_per_token, estimated, cost_per_token, currency }: Energy): string {
  const cost = cost_per_token === null ? null : 1000 * cost_per_token;
  return energyAndCost(1000 * joules_per_token, cost, currency, estimated);
}
