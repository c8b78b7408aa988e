import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { bytes, number } from "@/app/formats";
import { Badge } from "@/components/Badge";
import { ProblemBox, Skeleton } from "@/components/States";
import { type Download, installedQuery, type Offer, offersQuery } from "./api";
import { Fetch } from "./Fetch";
import { Fit } from "./Fit";
import { Unfold } from "./Unfold";
import { Variants } from "./Variants";

const TASKS = ["chat", "languages", "code", "embedding", "rerank"] as const;

/** The models that have a short name, by what they are for, the best of each kind for this machine first. */
export function Catalogue({ queue }: { queue: Download[] }) {
  const { t } = useTranslation("models");
  const { data, error, refetch } = useQuery(offersQuery);
  const here = new Set((useQuery(installedQuery).data ?? []).map((model) => model.name));
  if (error) return <ProblemBox error={error} onRetry={refetch} />;
  if (!data) return <Skeleton lines={6} />;
  return (
    <div className="flex flex-col gap-8">
      {TASKS.map((task) => {
        const offers = data.offers.filter((offer) => offer.task === task);
        if (!offers.length) return null;
        return (
          <section key={task} aria-labelledby={`task-${task}`}>
            <h2 id={`task-${task}`} className="text-read">
              {t(`tasks.${task}`)}
            </h2>
            <p className="mb-2 text-small text-text-3">{t(`tasks.${task}Text`)}</p>
            <ul className="rounded-base border border-line">
              {offers.map((offer) => (
                <Row key={offer.entry.name} offer={offer} here={here.has(offer.entry.name)} queue={queue} />
              ))}
            </ul>
          </section>
        );
      })}
    </div>
  );
}

function Row({ offer, here, queue }: { offer: Offer; here: boolean; queue: Download[] }) {
  const { t, i18n } = useTranslation("models");
  const { entry } = offer;
  const name = entry.name.replace(/:latest$/, "");
  // not by `t`: the names have marks in them that it reads as its own
  const purposes: Record<string, string> = i18n.getResource(i18n.language, "models", "purposes") ?? {};
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 border-t border-line px-4 py-3 first:border-t-0">
      <div className="min-w-56 flex-1">
        <div className="flex flex-wrap items-center gap-2">
          <span className="font-medium">{name}</span>
          {offer.best && <Badge tone="accent">{t("best")}</Badge>}
        </div>
        <p className="text-base text-text-2">{purposes[name] ?? entry.purpose}</p>
        <p className="text-small text-text-3">
          {[
            t("parameters", { count: number(entry.parameters, { notation: "compact", maximumSignificantDigits: 3 }) }),
            bytes(entry.download_bytes),
            entry.licence,
          ].join(" · ")}
        </p>
      </div>
      <Fit plan={offer.plan} rough={offer.rough} />
      <Fetch model={entry.name} here={here} queue={queue} primary={offer.best} />
      {entry.source.startsWith("hf.co/") && (
        <Unfold label={t("variants.other")}>
          <Variants model={entry.name} queue={queue} />
        </Unfold>
      )}
    </li>
  );
}
