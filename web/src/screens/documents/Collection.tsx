import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Ellipsis, FolderOpen, Pause, Play, RotateCcw, Trash2, Upload, User, Users } from "lucide-react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { bytes, number } from "@/app/formats";
import { Badge, type Tone } from "@/components/Badge";
import { Button, IconButton } from "@/components/Button";
import { Confirm } from "@/components/Dialog";
import { Menu, MenuItem, MenuLine } from "@/components/Menu";
import { Meter } from "@/components/Meter";
import { ProblemBox } from "@/components/States";
import { type Collection, pause, remove, retry, sendAll, share } from "./api";
import { FileList } from "./FileList";

/** One collection: what is in it, how far it is, and what could not be read. */
export function CollectionCard({ one, admin }: { one: Collection; admin: boolean }) {
  const { t } = useTranslation("documents");
  const client = useQueryClient();
  const input = useRef<HTMLInputElement>(null);
  const [asking, setAsking] = useState(false);
  const act = useMutation({
    mutationFn: (action: () => Promise<unknown>) => action(),
    onSettled: () => client.invalidateQueries({ queryKey: ["documents"] }),
  });
  const upload = (files: FileList | null) => {
    const chosen = [...(files ?? [])];
    if (!chosen.length) return;
    act.mutate(async () => {
      const [refused] = await sendAll(one.name, chosen);
      if (refused) throw refused.problem;
    });
  };
  const [state, tone] = stateOf(one);
  return (
    <section aria-label={one.name} className="rounded-base border border-line px-4 py-3">
      <div className="flex items-start gap-3">
        <div className="min-w-0 flex-1">
          <div className="flex flex-wrap items-center gap-2">
            <h3 className="min-w-0 text-base break-words">{one.name}</h3>
            <Badge tone={tone}>{t(`state.${state}`)}</Badge>
            {one.shared && <Badge icon={Users}>{t("shared")}</Badge>}
          </div>
          <p className="text-small text-text-2">
            {[
              t("files", { count: one.read, shown: number(one.read) }),
              one.waiting > 0 &&
                t("waiting", { count: one.waiting, shown: number(one.waiting), size: bytes(one.waiting_bytes) }),
              t("passages", { count: one.passages, shown: number(one.passages) }),
            ]
              .filter(Boolean)
              .join(" · ")}
          </p>
        </div>
        <input
          ref={input}
          type="file"
          multiple
          hidden
          onChange={(event) => {
            upload(event.target.files);
            event.target.value = ""; // so that the same can be chosen again
          }}
        />
        {one.changeable && (
          <Menu align="end" trigger={<IconButton small icon={Ellipsis} label={t("more", { name: one.name })} />}>
            <MenuItem icon={Upload} onSelect={() => input.current?.click()}>
              {t("add.files")}
            </MenuItem>
            <MenuItem icon={one.paused ? Play : Pause} onSelect={() => act.mutate(() => pause(one.name, !one.paused))}>
              {t(one.paused ? "resume" : "pause")}
            </MenuItem>
            {admin && (
              <MenuItem
                icon={one.shared ? User : Users}
                onSelect={() => act.mutate(() => share(one.name, !one.shared))}
              >
                {t(one.shared ? "unshare" : "share")}
              </MenuItem>
            )}
            <MenuLine />
            <MenuItem icon={Trash2} danger onSelect={() => setAsking(true)}>
              {t("delete.action")}
            </MenuItem>
          </Menu>
        )}
      </div>
      {one.passages > one.embedded && (
        <div className="mt-2 flex items-center gap-3">
          <Meter
            label={t("embedded")}
            value={one.embedded}
            max={one.passages}
            text={t("stage.of", { done: one.embedded, all: one.passages })}
            className="max-w-60"
          />
          <span className="text-small text-text-3">{t("byWordsOnly")}</span>
        </div>
      )}
      <ul className="mt-1.5">
        {one.roots.map((root) => (
          <li key={root} className="flex items-center gap-1.5 text-small text-text-3">
            <FolderOpen size={14} aria-hidden className="shrink-0" />
            <span className="min-w-0 break-all">{root}</span>
          </li>
        ))}
      </ul>
      {one.failures.length > 0 && (
        <Failures one={one} {...(one.changeable ? { onRetry: () => act.mutate(() => retry(one.name)) } : {})} />
      )}
      {one.read + one.waiting + one.failed > 0 && <FileList one={one} />}
      {act.error && <ProblemBox error={act.error} className="mt-3" />}
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title={t("delete.title", { name: one.name })}
        text={t("delete.text")}
        action={t("delete.action")}
        danger
        onConfirm={() => act.mutate(() => remove(one.name))}
      />
    </section>
  );
}

function Failures({ one, onRetry }: { one: Collection; onRetry?: () => void }) {
  const { t } = useTranslation("documents");
  return (
    <details className="mt-2">
      <summary className="w-fit rounded-small text-small text-warn">
        {t("failures", { count: one.failures.length, shown: number(one.failures.length) })}
      </summary>
      <ul tabIndex={0} className="mt-1.5 max-h-72 overflow-y-auto">
        {one.failures.map(({ path, reason }) => (
          <li key={path} className="border-t border-line py-1.5 text-small first:border-t-0">
            <span className="font-medium break-all">{path.split("/").pop()}</span>
            <span className="text-text-2"> · {reason}</span>
            <div className="break-all text-text-3">{path}</div>
          </li>
        ))}
      </ul>
      {onRetry && (
        <Button small icon={RotateCcw} className="mt-2" onClick={onRetry}>
          {t("retry")}
        </Button>
      )}
    </details>
  );
}

function stateOf(one: Collection): [string, Tone] {
  if (one.paused) return ["paused", "quiet"];
  if (one.waiting > 0) return ["reading", "warn"];
  if (one.passages > one.embedded) return ["embedding", "warn"];
  return one.read ? ["ready", "good"] : ["empty", "quiet"];
}
