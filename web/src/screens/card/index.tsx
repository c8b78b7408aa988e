import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Scale } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link, useLocation } from "wouter";
import { request } from "@/api/client";
import { modelsQuery, useOffer } from "@/api/server";
import { bytes, day, number } from "@/app/formats";
import { Screen } from "@/app/Screen";
import { Badge } from "@/components/Badge";
import { EmptyState, ProblemBox, Skeleton } from "@/components/States";
import type { Point } from "./Curves";
import { Curves } from "./Curves";
import type { Card, Energy } from "./estimates";
import { Figures } from "./Figures";
import { Lineage, type Node } from "./Lineage";

export interface CardAnswer {
  model: string;
  digest: string;
  size_bytes: number;
  quantization: string;
  parameters: number;
  licence: string;
  tuned: string;
  card: Card | null;
  energy: Energy | null;
  lineage: Node[];
  curve: Point[];
}

const HOME = "/home/card";

/** What was measured of a model: what it lost, how fast it is, what it was made of, and how its variants compare. */
export default function CardScreen() {
  const { t } = useTranslation("card");
  const [location, go] = useLocation();
  const models = useQuery(modelsQuery);
  const names = models.data?.map(({ id }) => id) ?? [];
  const name = decodeURIComponent(location.slice(HOME.length + 1)) || names[0] || "";
  const answer = useQuery({
    queryKey: ["card", name],
    queryFn: ({ signal }) => request<CardAnswer>(`/api/domov/models/${encoded(name)}/card`, { signal }),
    enabled: name !== "",
    placeholderData: keepPreviousData,
  });
  return (
    <Screen
      title={name ? t("of", { model: name }) : t("title")}
      bar={
        <select
          aria-label={t("choose")}
          value={name}
          onChange={(event) => go(`${HOME}/${encodeURIComponent(event.target.value)}`)}
          className="h-8 max-w-full min-w-0 truncate rounded-base border border-line-strong bg-raised px-2 text-base"
        >
          {[...new Set([name, ...names])].filter(Boolean).map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
      }
    >
      {models.isError && <ProblemBox error={models.error} onRetry={models.refetch} />}
      {models.data && !names.length && !name && (
        <EmptyState icon={Scale} title={t("noModels.title")} text={t("noModels.text")} />
      )}
      {answer.isError && <ProblemBox error={answer.error} onRetry={answer.refetch} />}
      {name && answer.isPending && <Skeleton lines={6} />}
      {answer.data && !answer.isError && <Content answer={answer.data} />}
    </Screen>
  );
}

/** A name in an address: its slashes part it, as the server reads it. */
function encoded(name: string): string {
  return name.split("/").map(encodeURIComponent).join("/");
}

function Content({ answer }: { answer: CardAnswer }) {
  const { t } = useTranslation("card");
  return (
    <div className="flex flex-col gap-10">
      <header className="flex flex-col gap-2">
        <h2 className="text-title break-words">{answer.model}</h2>
        <div className="flex flex-wrap gap-2">
          <Badge tone="accent">{answer.quantization}</Badge>
          <Badge>{bytes(answer.size_bytes)}</Badge>
          <Badge>{t("parameters", { many: number(answer.parameters, { notation: "compact" }) })}</Badge>
          {answer.licence && <Badge>{answer.licence}</Badge>}
        </div>
      </header>
      {answer.card ? <Measured card={answer.card} energy={answer.energy} /> : <NotMeasured name={answer.model} />}
      {answer.curve.length > 1 && <Curves points={answer.curve} />}
      {answer.lineage.length > 0 && <Lineage nodes={answer.lineage} />}
    </div>
  );
}

function NotMeasured({ name }: { name: string }) {
  const { t } = useTranslation("card");
  const offer = useOffer();
  const action = offer?.features.includes("jobs") && (
    <Link
      href={`/home/workshop/new/evaluate?model=${encodeURIComponent(name)}`}
      className="inline-flex h-9 items-center rounded-base bg-accent px-4 text-base font-medium text-on-accent hover:bg-accent-hover"
    >
      {t("measure")}
    </Link>
  );
  return <EmptyState icon={Scale} title={t("notMeasured.title")} text={t("notMeasured.text")} action={action} />;
}

function Measured({ card, energy }: { card: Card; energy: Energy | null }) {
  const { t } = useTranslation("card");
  const where = { date: day(Date.parse(card.date) / 1000), machine: card.machine, engine: card.engine };
  return (
    <section aria-labelledby="measured">
      <h2 id="measured" className="mb-1 text-read">
        {card.distance ? t("lost", { parent: card.parent }) : t("measured")}
      </h2>
      <p className="mb-4 text-small text-text-3">
        {t("where", where)}{" "}
        {t("text", { text: card.text, digest: card.text_digest.slice(0, 19), tokens: number(card.scored_tokens) })}
      </p>
      <Figures card={card} energy={energy} />
      <p className="mt-2 text-small text-text-3">{t("intervals")}</p>
      {card.notes.map((note) => (
        <p key={note} className="mt-3 rounded-base bg-warn-soft px-3 py-2 text-base">
          {note}
        </p>
      ))}
    </section>
  );
}
