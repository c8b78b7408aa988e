import { useTranslation } from "react-i18next";
import { bytes } from "@/app/formats";
import { Table } from "@/components/Table";
import { type Card, type Estimate, interval, share, short, verdict } from "./estimates";

interface Row {
  key: string;
  name: string;
  value: string;
  about: string;
}

/** Every figure of a card, with the interval that holds it and what it means. What nobody measured is said to be unknown. */
export function Figures({ card }: { card: Card }) {
  const { t } = useTranslation("card");
  const { distance, speed } = card;
  const rows: Row[] = [];
  const add = (key: string, name: string, value: string, about = "") => rows.push({ key, name, value, about });
  if (distance) {
    add(
      "divergence",
      t("divergence"),
      interval(t, distance.divergence),
      `${t(`verdict.${verdict(distance.divergence.value)}`)}. ${t("about.divergence")}`,
    );
    add("worst", t("worst"), short(distance.divergence_99), t("about.worst", { most: short(distance.most) }));
    add("same", t("sameTop"), interval(t, distance.same_top, share), t("about.sameTop"));
    add("change", t("change"), interval(t, changeOf(distance.perplexity_ratio), share), t("about.change"));
  }
  add("perplexity", t("perplexity"), interval(t, card.perplexity), t("about.perplexity"));
  for (const [language, answers] of card.answers) {
    const count = t("rightOf", { right: answers.right, of: answers.of });
    add(
      language,
      t(`questions.${language}`, { defaultValue: language }),
      `${count} · ${interval(t, answers.share, share)}`,
      t("about.questions"),
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
  add("energy", t("energy"), t("unknown"), t("about.energy"));
  return (
    <Table
      label={t("figures")}
      columns={[
        { title: t("figure"), cell: (row) => row.name, className: "font-medium" },
        { title: t("value"), cell: (row) => <span className="tabular">{row.value}</span> },
        { title: t("meaning"), cell: (row) => row.about, className: "text-text-2 min-w-48" },
      ]}
      rows={rows}
      keyOf={(row) => row.key}
    />
  );
}

function changeOf(ratio: Estimate): Estimate {
  return { value: ratio.value - 1, low: ratio.low - 1, high: ratio.high - 1 };
}
