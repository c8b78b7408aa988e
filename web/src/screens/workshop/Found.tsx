import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { bytes, number } from "@/app/formats";
import { Scatter } from "@/components/Scatter";
import { Table } from "@/components/Table";
import { type Card, interval, short, verdict } from "@/screens/card/estimates";
import type { WholeJob } from "./jobs";

interface Found {
  parent?: string;
  size_bytes?: number;
  parent_bytes?: number;
  model?: string;
  card?: Card;
  answers?: { question: string; first: Answer; second: Answer }[];
  models?: { name: string; size_bytes: number; tokens_per_second: number | null }[];
  trials?: { setting: string; change: string; work: string; gain: number; rounds: number; verdict: string }[];
  words?: string;
  frontier?: { size_bytes: number; predicted: number }[];
  distance?: Card["distance"];
}

interface Answer {
  text: string;
  tokens_per_second: number;
}

/** What came of a job, and what is next. */
export function Found({ job, found }: { job: WholeJob; found: Record<string, unknown> }) {
  const { t } = useTranslation(["workshop", "card"]);
  const result = found as Found;
  return (
    <section aria-labelledby="result" className="flex flex-col gap-4">
      <h2 id="result" className="text-read">
        {t("result")}
      </h2>
      {job.models.map((name) => (
        <Made key={name} name={name} found={result} />
      ))}
      {result.card && result.model && <Measured name={result.model} card={result.card} />}
      {result.answers && result.models && <SideBySide models={result.models} answers={result.answers} />}
      {result.trials && <Trials words={result.words ?? ""} trials={result.trials} />}
      {result.frontier && result.size_bytes && result.distance && (
        <Scatter
          label={t("frontier")}
          dots={[
            {
              label: job.models[0] ?? "",
              x: result.size_bytes,
              y: result.distance.divergence.value,
              low: result.distance.divergence.low,
              high: result.distance.divergence.high,
              mine: true,
            },
          ]}
          line={result.frontier.map((point) => [point.size_bytes, point.predicted])}
          x={{ label: t("card:size"), format: bytes }}
          y={{ label: t("card:divergence"), format: short, log: true }}
        />
      )}
    </section>
  );
}

const LINK =
  "inline-flex h-8 items-center rounded-base border border-line-strong px-3 text-small whitespace-nowrap hover:bg-hover";

function Made({ name, found }: { name: string; found: Found }) {
  const { t } = useTranslation(["workshop", "card"]);
  const size = found.size_bytes ?? 0;
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-3 rounded-base border border-line bg-raised p-4">
      <div className="min-w-0 flex-1 basis-56">
        <p className="text-base font-medium break-words">{name}</p>
        <p className="text-small text-text-2">
          {found.parent_bytes && found.parent
            ? t("smaller", {
                size: bytes(size),
                share: number(size / found.parent_bytes, { style: "percent" }),
                parent: found.parent,
              })
            : bytes(size)}
          {found.distance && ` · ${t("card:divergence")} ${interval(t, found.distance.divergence)}`}
        </p>
      </div>
      <div className="flex flex-wrap gap-2">
        {found.parent && (
          <Link className={LINK} href={`/home/workshop/new/evaluate?model=${encodeURIComponent(name)}`}>
            {t("next.measure")}
          </Link>
        )}
        {found.parent && (
          <Link
            className={LINK}
            href={`/home/workshop/new/compare?first=${encodeURIComponent(found.parent)}&second=${encodeURIComponent(name)}`}
          >
            {t("next.compare")}
          </Link>
        )}
        <Link className={LINK} href={`/home/card/${encodeURIComponent(name)}`}>
          {t("next.card")}
        </Link>
      </div>
    </div>
  );
}

function Measured({ name, card }: { name: string; card: Card }) {
  const { t } = useTranslation(["workshop", "card"]);
  return (
    <div className="flex flex-wrap items-center gap-4 rounded-base border border-line bg-raised p-4">
      <dl className="grid flex-1 grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-base">
        <dt className="text-text-2">{t("card:perplexity")}</dt>
        <dd className="tabular">{interval(t, card.perplexity)}</dd>
        {card.distance && (
          <>
            <dt className="text-text-2">{t("card:divergence")}</dt>
            <dd className="tabular">
              {interval(t, card.distance.divergence)}: {t(`card:verdict.${verdict(card.distance.divergence.value)}`)}
            </dd>
          </>
        )}
        {card.speed && (
          <>
            <dt className="text-text-2">{t("card:writing")}</dt>
            <dd className="tabular">{t("card:speed", { speed: interval(t, card.speed.writing) })}</dd>
          </>
        )}
      </dl>
      <Link className={LINK} href={`/home/card/${encodeURIComponent(name)}`}>
        {t("next.card")}
      </Link>
    </div>
  );
}

function SideBySide({
  models,
  answers,
}: {
  models: NonNullable<Found["models"]>;
  answers: NonNullable<Found["answers"]>;
}) {
  const { t } = useTranslation(["workshop", "card"]);
  return (
    <div className="flex flex-col gap-6">
      <Table
        label={t("sides")}
        columns={[
          { title: t("model"), cell: (side) => side.name },
          { title: t("card:size"), cell: (side) => bytes(side.size_bytes), right: true },
          {
            title: t("card:writing"),
            cell: (side) =>
              side.tokens_per_second ? t("card:speed", { speed: short(side.tokens_per_second) }) : t("card:unknown"),
            right: true,
          },
        ]}
        rows={models}
        keyOf={(side) => side.name}
      />
      {answers.map(({ question, first, second }) => (
        <article key={question} className="flex flex-col gap-2">
          <h3 className="text-base font-medium">{question}</h3>
          <div className="grid grid-cols-1 gap-3 sm:grid-cols-2">
            {[first, second].map((answer, side) => (
              <div key={models[side]?.name} className="rounded-base border border-line bg-raised p-3">
                <p className="mb-1 text-small text-text-3">
                  {models[side]?.name} · {t("card:speed", { speed: short(answer.tokens_per_second) })}
                </p>
                <p className="text-base break-words whitespace-pre-wrap">{answer.text || t("nothingSaid")}</p>
              </div>
            ))}
          </div>
          {first.text === second.text && <p className="text-small text-text-3">{t("sameWords")}</p>}
        </article>
      ))}
    </div>
  );
}

function Trials({ words, trials }: { words: string; trials: NonNullable<Found["trials"]> }) {
  const { t } = useTranslation("workshop");
  return (
    <div className="flex flex-col gap-3">
      <p className="text-base">{words ? t("tuned", { what: words }) : t("tunedNothing")}</p>
      <Table
        label={t("trials")}
        columns={[
          { title: t("tried"), cell: (trial) => trial.change },
          {
            title: t("gain"),
            cell: (trial) => number(trial.gain, { minimumFractionDigits: 2, maximumFractionDigits: 2 }),
            right: true,
          },
          { title: t("rounds"), cell: (trial) => number(trial.rounds), right: true },
          { title: t("outcome"), cell: (trial) => t(`verdicts.${trial.verdict}`, { defaultValue: trial.verdict }) },
        ]}
        rows={trials}
        keyOf={(trial) => trial.change}
      />
    </div>
  );
}
