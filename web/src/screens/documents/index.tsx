import { useQuery } from "@tanstack/react-query";
import { FilePlus2, Files } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { covers, useOffer } from "@/api/server";
import { seconds } from "@/app/formats";
import { Screen } from "@/app/Screen";
import { Button } from "@/components/Button";
import { Progress } from "@/components/Meter";
import { EmptyState, ProblemBox, Skeleton } from "@/components/States";
import { AddDialog } from "./Add";
import { type Stage, statusQuery } from "./api";
import { CollectionCard } from "./Collection";
import { Try } from "./Search";

/** What does it know? */
export default function Documents() {
  const { t } = useTranslation("documents");
  const offer = useOffer();
  const { data, error, refetch } = useQuery(statusQuery);
  const [adding, setAdding] = useState(false);
  const admin = offer ? covers(offer, "admin") : false;
  const add = (
    <Button small look="primary" icon={FilePlus2} onClick={() => setAdding(true)}>
      {t("add.open")}
    </Button>
  );
  return (
    <Screen title={t("title")} actions={data?.collections.length ? add : undefined}>
      {error && <ProblemBox error={error} onRetry={refetch} className="mb-4" />}
      {!data && !error && <Skeleton lines={5} />}
      {data?.problem && <ProblemBox error={new Error(data.problem)} className="mb-4" />}
      {data?.stage && <Going stage={data.stage} />}
      {data?.collections.length === 0 && (
        <EmptyState icon={Files} title={t("empty.title")} text={t("empty.text")} action={add} />
      )}
      {!!data?.collections.length && (
        <>
          <Try collections={data.collections.map((one) => one.name)} />
          <h2 className="mt-8 mb-2 text-read">{t("collections")}</h2>
          <div className="flex flex-col gap-3">
            {data.collections.map((one) => (
              <CollectionCard key={one.name} one={one} admin={admin} />
            ))}
          </div>
        </>
      )}
      {adding && (
        <AddDialog
          names={data?.collections.map((one) => one.name) ?? []}
          admin={admin}
          onClose={() => setAdding(false)}
        />
      )}
    </Screen>
  );
}

const STEPS = ["looking", "reading", "embedding"];

/** What indexing does now, and how long it will. */
function Going({ stage }: { stage: Stage }) {
  const { t } = useTranslation("documents");
  const all = stage.done + stage.left;
  const step = STEPS.includes(stage.step) ? t(`stage.${stage.step}`) : t("stage.waiting");
  const left = stage.seconds_left === null ? "" : t("stage.left", { time: seconds(stage.seconds_left) });
  return (
    <section aria-label={t("stage.label")} className="mb-6 rounded-base border border-line bg-raised px-4 py-3">
      <div className="mb-2 flex flex-wrap items-baseline justify-between gap-x-3">
        <span className="min-w-0 truncate text-base">
          {step}
          {stage.name && <span className="text-text-2"> · {stage.name}</span>}
        </span>
        <span className="tabular text-small text-text-2">
          {[all > 0 && t("stage.of", { done: stage.done, all }), left].filter(Boolean).join(" · ")}
        </span>
      </div>
      <Progress label={step} share={all > 0 ? stage.done / all : null} />
    </section>
  );
}
