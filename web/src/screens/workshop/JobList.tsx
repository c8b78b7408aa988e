import { Hammer, Pause, Play, RotateCcw, Trash2, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { moment } from "@/app/formats";
import { Badge } from "@/components/Badge";
import { IconButton } from "@/components/Button";
import { Confirm } from "@/components/Dialog";
import { Progress } from "@/components/Meter";
import { EmptyState, ProblemBox } from "@/components/States";
import { FINISHED, forget, type Job, TRIABLE, want } from "./jobs";
import { kindTitle, plain, stepText, TONE_OF } from "./words";

export function JobList({ jobs }: { jobs: readonly Job[] }) {
  const { t } = useTranslation("workshop");
  if (!jobs.length) return <EmptyState icon={Hammer} title={t("none.title")} text={t("none.text")} />;
  return (
    <ul className="flex flex-col divide-y divide-line rounded-base border border-line bg-raised">
      {jobs.map((job) => (
        <Row key={job.id} job={job} />
      ))}
    </ul>
  );
}

function Row({ job }: { job: Job }) {
  const { t } = useTranslation("workshop");
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
      <div className="min-w-0 flex-1 basis-60">
        <Link href={`/home/workshop/${job.id}`} className="block truncate rounded-small text-base hover:underline">
          {kindTitle(t, job.kind)} <span className="text-text-2">{job.title}</span>
        </Link>
        <p className="truncate text-small text-text-3">{lineOf(job, t)}</p>
        {job.status === "running" && (
          <div className="mt-1.5">
            <Progress label={t("progress.label")} share={job.fraction} />
          </div>
        )}
      </div>
      <div className="ml-auto flex items-center gap-2">
        <Badge tone={TONE_OF[job.status]}>{t(`status.${job.status}`)}</Badge>
        <div className="flex">
          <Actions job={job} />
        </div>
      </div>
    </li>
  );
}

function lineOf(job: Job, t: ReturnType<typeof useTranslation>["t"]): string {
  if (job.waiting) return t("waits", { what: plain(t, job.waiting) });
  if (job.error) return job.error.message;
  if (job.progress && (job.status === "running" || job.status === "paused")) {
    return [plain(t, job.progress.step), stepText(t, job.progress)].filter(Boolean).join(" · ");
  }
  if (job.models.length) return t("made", { what: job.models.join(", ") });
  return moment(job.ended_at ?? job.created_at);
}

/** What can be wanted of a job now. */
export function Actions({ job, onGone }: { job: Job; onGone?: () => void }) {
  const { t } = useTranslation("workshop");
  const [error, setError] = useState<unknown>();
  const [asking, ask] = useState(false);
  const run = (work: Promise<unknown>) => {
    setError(undefined);
    work.catch(setError);
  };
  return (
    <>
      {error !== undefined && <ProblemBox error={error} />}
      {(job.status === "queued" || job.status === "running") && (
        <IconButton icon={Pause} small label={t("pause")} onClick={() => run(want(job.id, "pause"))} />
      )}
      {TRIABLE.includes(job.status) && (
        <IconButton
          icon={job.status === "paused" ? Play : RotateCcw}
          small
          label={job.status === "paused" ? t("resume") : t("retry")}
          onClick={() => run(want(job.id, "resume"))}
        />
      )}
      {!FINISHED.includes(job.status) && (
        <IconButton
          icon={X}
          small
          label={t("cancel")}
          disabled={job.status === "cancelling"}
          onClick={() => ask(true)}
        />
      )}
      {FINISHED.includes(job.status) && (
        <IconButton icon={Trash2} small label={t("forget")} onClick={() => run(forget(job.id).then(onGone))} />
      )}
      <Confirm
        open={asking}
        onClose={() => ask(false)}
        title={t("cancelTitle", { what: job.title })}
        text={t("cancelText")}
        action={t("cancelIt")}
        danger
        onConfirm={() => run(want(job.id, "cancel"))}
      />
    </>
  );
}
