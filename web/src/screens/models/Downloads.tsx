import { useMutation } from "@tanstack/react-query";
import { ArrowUpToLine, Pause, Play, RotateCcw, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { bytes, seconds } from "@/app/formats";
import { IconButton } from "@/components/Button";
import { Confirm } from "@/components/Dialog";
import { Progress } from "@/components/Meter";
import { useSentence } from "@/components/States";
import { cancel, type Download, moveBefore, pause, resume } from "./api";

/** The queue of models that are fetched, with what can be done about each. */
export function Downloads({ rows }: { rows: Download[] }) {
  const { t } = useTranslation("models");
  const queue = rows.filter((one) => one.state !== "done");
  if (!queue.length) return null;
  const first = queue.find((one) => one.state === "waiting");
  return (
    <section aria-label={t("downloads.title")} className="mb-6 rounded-base border border-line bg-raised">
      <h2 className="border-b border-line px-4 py-2 text-base">{t("downloads.title")}</h2>
      <ul>
        {queue.map((one) => (
          <Row key={one.id} one={one} before={one.state === "waiting" && first && first !== one ? first.id : null} />
        ))}
      </ul>
    </section>
  );
}

/** before: the one that it could be fetched before. */
function Row({ one, before }: { one: Download; before: string | null }) {
  const { t } = useTranslation("models");
  const sentence = useSentence();
  const [asking, setAsking] = useState(false);
  const act = useMutation({ mutationFn: (action: () => Promise<unknown>) => action() });
  const share = one.total_bytes ? one.done_bytes / one.total_bytes : one.state === "running" ? null : 0;
  const stopped = one.state === "paused" || one.state === "failed";
  return (
    <li className="flex items-center gap-3 border-t border-line px-4 py-2.5 first:border-t-0">
      <div className="min-w-0 flex-1">
        <div className="flex flex-wrap items-baseline justify-between gap-x-3">
          <span className="min-w-0 truncate text-base">{one.model}</span>
          <span className="tabular text-small text-text-2">{words(one, t)}</span>
        </div>
        <div className="my-1.5">
          <Progress label={t("downloads.progress", { model: one.model })} share={share} />
        </div>
        {(one.error || act.error) && (
          <p role="alert" className="text-small break-words text-bad">
            {act.error ? sentence(act.error) : [one.error, one.hint].filter(Boolean).join("; ")}
          </p>
        )}
      </div>
      <div className="flex shrink-0">
        {before && (
          <IconButton
            small
            icon={ArrowUpToLine}
            label={t("downloads.first", { model: one.model })}
            onClick={() => act.mutate(() => moveBefore(one.id, before))}
          />
        )}
        {stopped ? (
          <IconButton
            small
            icon={one.state === "failed" ? RotateCcw : Play}
            label={t(one.state === "failed" ? "downloads.retry" : "downloads.resume", { model: one.model })}
            onClick={() => act.mutate(() => resume(one.id))}
          />
        ) : (
          <IconButton
            small
            icon={Pause}
            label={t("downloads.pause", { model: one.model })}
            onClick={() => act.mutate(() => pause(one.id))}
          />
        )}
        <IconButton
          small
          icon={X}
          label={t("downloads.cancel", { model: one.model })}
          onClick={() => (one.done_bytes ? setAsking(true) : act.mutate(() => cancel(one.id)))}
        />
      </div>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title={t("downloads.cancelTitle", { model: one.model })}
        text={t("downloads.cancelText", { size: bytes(one.done_bytes) })}
        action={t("downloads.cancelAction")}
        danger
        onConfirm={() => act.mutate(() => cancel(one.id))}
      />
    </li>
  );
}

const STEPS: Record<string, string> = { "checking what is here": "checking", unpacking: "unpacking" };

function words(one: Download, t: (key: string, values?: Record<string, unknown>) => string): string {
  const sizes = one.total_bytes
    ? t("downloads.of", { done: bytes(one.done_bytes), total: bytes(one.total_bytes) })
    : one.done_bytes
      ? bytes(one.done_bytes)
      : "";
  if (one.state !== "running") return [t(`downloads.${one.state}`), sizes].filter(Boolean).join(" · ");
  const speed = one.bytes_per_second ? t("downloads.speed", { size: bytes(one.bytes_per_second) }) : "";
  const left = one.seconds_left !== null ? t("downloads.left", { time: seconds(one.seconds_left) }) : "";
  const trouble = one.step.startsWith("waiting: ") ? one.step.slice("waiting: ".length) : "";
  const step = STEPS[one.step] ? t(`downloads.${STEPS[one.step]}`) : trouble;
  return [step, sizes, speed, left].filter(Boolean).join(" · ") || t("downloads.running");
}
