import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { useNewest } from "@/api/newest";
import { moment, number, seconds, time } from "@/app/formats";
import { Screen } from "@/app/Screen";
import { Badge } from "@/components/Badge";
import { Chart } from "@/components/Chart";
import { Progress } from "@/components/Meter";
import { ProblemBox, Skeleton } from "@/components/States";
import { BackBar } from "./BackBar";
import { Found } from "./Found";
import { Actions } from "./JobList";
import { type Curve, JOBS, type Step, type WholeJob } from "./jobs";
import { kindTitle, plain, said, stepText, TONE_OF } from "./words";

export function JobScreen({ id }: { id: number }) {
  const { t } = useTranslation("workshop");
  const [, go] = useLocation();
  const { data: job, error, again } = useNewest<WholeJob>(`${JOBS}/${id}/events`);
  const title = job ? `${kindTitle(t, job.kind)} ${job.title}` : t("job", { id });
  return (
    <Screen
      title={title}
      bar={<BackBar title={title} />}
      actions={job && <Actions job={job} onGone={() => go("/home/workshop")} />}
    >
      {error !== undefined && <ProblemBox error={error} onRetry={again} />}
      {!job && error === undefined && <Skeleton />}
      {job && (
        <div className="flex flex-col gap-8">
          <State job={job} />
          {job.found && <Found job={job} found={job.found} />}
          {figuresOf(job.curves).map(([figure, curves]) => (
            <section key={figure} aria-label={said(t, `figures.${figure}`, figure)}>
              <h2 className="mb-2 text-read">{said(t, `figures.${figure}`, figure)}</h2>
              <Lines figure={said(t, `figures.${figure}`, figure)} curves={curves} />
            </section>
          ))}
          <Log job={job} />
        </div>
      )}
    </Screen>
  );
}

function State({ job }: { job: WholeJob }) {
  const { t } = useTranslation("workshop");
  const going = job.status === "running" || job.status === "paused";
  return (
    <section aria-label={t("state")} className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-2 text-small text-text-2">
        <Badge tone={TONE_OF[job.status]}>{t(`status.${job.status}`)}</Badge>
        <span>{t("ordered", { when: moment(job.created_at) })}</span>
        {job.seconds > 0 && <span>{t("worked", { time: seconds(job.seconds) })}</span>}
        {job.attempts > 1 && <span>{t("attempts", { count: job.attempts })}</span>}
      </div>
      {job.error && <ProblemBox error={new Error([job.error.message, job.error.hint].filter(Boolean).join("; "))} />}
      {job.waiting && <p className="text-base text-text-2">{t("waits", { what: plain(t, job.waiting) })}</p>}
      {going && job.progress && <Now step={job.progress} share={job.fraction} />}
      {job.status === "paused" && (
        <p className="text-small text-text-3">{t(job.pausing === "held" ? "pausedHeld" : "pausedLeft")}</p>
      )}
    </section>
  );
}

function Now({ step, share }: { step: Step; share: number | null }) {
  const { t } = useTranslation("workshop");
  return (
    <div>
      <div className="mb-1.5 flex flex-wrap justify-between gap-x-4 text-base">
        <span>{plain(t, step.step)}</span>
        <span className="tabular text-text-2">{stepText(t, step)}</span>
      </div>
      <Progress label={plain(t, step.step)} share={share} />
    </div>
  );
}

function figuresOf(curves: readonly Curve[]): [string, Curve[]][] {
  const found = new Map<string, Curve[]>();
  for (const curve of curves) {
    if (curve.points.length > 1) found.set(curve.figure, [...(found.get(curve.figure) ?? []), curve]);
  }
  return [...found];
}

/** Curves of one figure in one plane: each stands at its own places to the right. */
function Lines({ figure, curves }: { figure: string; curves: readonly Curve[] }) {
  const { t } = useTranslation("workshop");
  const places = [...new Set(curves.flatMap((curve) => curve.points.map(([x]) => x)))].sort((a, b) => a - b);
  const unit = curves[0]?.unit ?? "";
  return (
    <Chart
      label={figure}
      x={{ label: said(t, `units.${unit}`, unit), values: places, format: (value) => number(value) }}
      series={curves.map((curve) => {
        const known = new Map(curve.points);
        return { label: plain(t, curve.step), values: places.map((x) => known.get(x) ?? null) };
      })}
      format={(value) => number(value, { maximumSignificantDigits: 3 })}
    />
  );
}

function Log({ job }: { job: WholeJob }) {
  const { t } = useTranslation("workshop");
  return (
    <section aria-labelledby="log">
      <h2 id="log" className="mb-2 text-read">
        {t("log")}
      </h2>
      {job.log.length ? (
        <ol className="flex flex-col gap-1 rounded-base bg-side p-3 text-small">
          {job.log.map((line, index) => (
            <li key={index} className="flex gap-3">
              <span className="tabular shrink-0 text-text-3">{time(line.at)}</span>
              <span className="min-w-0 break-words text-text-2">{plain(t, line.words)}</span>
            </li>
          ))}
        </ol>
      ) : (
        <p className="text-base text-text-2">{t("logEmpty")}</p>
      )}
    </section>
  );
}
