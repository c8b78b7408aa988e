import { useQuery } from "@tanstack/react-query";
import {
  ArrowDownToLine,
  Gauge,
  GraduationCap,
  Hammer,
  type LucideIcon,
  Package,
  Scale,
  Scissors,
  Shrink,
  SplitSquareHorizontal,
} from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { useNewest } from "@/api/newest";
import { ProblemBox, Skeleton } from "@/components/States";
import { JobList } from "./JobList";
import { JOBS, type Job, type Kind, kindsQuery } from "./jobs";
import { kindTitle, said } from "./words";

const ICONS: Record<string, LucideIcon> = {
  quantize: Package,
  shrink: Shrink,
  prune: Scissors,
  distill: GraduationCap,
  evaluate: Scale,
  compare: SplitSquareHorizontal,
  calibrate: Gauge,
  pull: ArrowDownToLine,
};
const ELSEWHERE = ["pull"]; // has its place among the models
const ORDER = Object.keys(ICONS);

export function Overview() {
  const { t } = useTranslation("workshop");
  const kinds = useQuery(kindsQuery);
  const live = useNewest<{ jobs: Job[] }>(`${JOBS}/events`);
  return (
    <div className="flex flex-col gap-8">
      <section aria-labelledby="what">
        <h2 id="what" className="mb-1 text-read">
          {t("what")}
        </h2>
        <p className="mb-4 text-base text-text-2">{t("whatText")}</p>
        {kinds.isError && <ProblemBox error={kinds.error} onRetry={kinds.refetch} />}
        {kinds.isPending && <Skeleton />}
        {kinds.data && <Kinds kinds={kinds.data} />}
      </section>
      <section aria-labelledby="queue">
        <h2 id="queue" className="mb-3 text-read">
          {t("queue")}
        </h2>
        {live.error !== undefined && <ProblemBox error={live.error} onRetry={live.again} />}
        {live.error === undefined && !live.data && <Skeleton />}
        {live.data && <JobList jobs={live.data.jobs} />}
      </section>
    </div>
  );
}

function Kinds({ kinds }: { kinds: readonly Kind[] }) {
  const { t } = useTranslation("workshop");
  const shown = kinds
    .filter(({ kind }) => !ELSEWHERE.includes(kind))
    .sort((a, b) => ((ORDER.indexOf(a.kind) + 99) % 99) - ((ORDER.indexOf(b.kind) + 99) % 99));
  return (
    <ul className="grid grid-cols-1 gap-3 sm:grid-cols-2 lg:grid-cols-3">
      {shown.map(({ kind, words }) => {
        const Icon = ICONS[kind] ?? Hammer;
        return (
          <li key={kind}>
            <Link
              href={`/home/workshop/new/${kind}`}
              className="flex h-full gap-3 rounded-base border border-line bg-raised p-4 hover:border-line-strong hover:bg-hover"
            >
              <Icon size={20} aria-hidden className="mt-0.5 shrink-0 text-accent-text" />
              <span>
                <span className="block text-base font-medium">{kindTitle(t, kind)}</span>
                <span className="block text-small text-text-2">{said(t, `kinds.${kind}.text`, words)}</span>
              </span>
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
