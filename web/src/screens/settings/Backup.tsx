import { useMutation } from "@tanstack/react-query";
import { Download, Upload } from "lucide-react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { ask, request } from "@/api/client";
import { moment } from "@/app/formats";
import { Button } from "@/components/Button";
import { Confirm } from "@/components/Dialog";
import { ProblemBox } from "@/components/States";
import { Section } from "./Section";

interface Staged {
  files: number;
  made_at: number;
}

/** One file with all that can't be fetched again, and back. */
export default function Backup() {
  const { t } = useTranslation("settings");
  const input = useRef<HTMLInputElement>(null);
  const [file, setFile] = useState<File | null>(null);
  const take = useMutation({ mutationFn: download });
  const restore = useMutation({
    mutationFn: (chosen: File) =>
      request<Staged>("/api/domov/backup/restore", { method: "POST", body: new Blob([chosen]) }),
  });
  return (
    <>
      <Section title={t("backup.title")} text={t("backup.text")}>
        {take.error && <ProblemBox error={take.error} />}
        <div className="flex flex-wrap items-center gap-3">
          <Button look="primary" icon={Download} onClick={() => take.mutate()} disabled={take.isPending}>
            {t(take.isPending ? "backup.making" : "backup.take")}
          </Button>
          {take.isSuccess && (
            <p role="status" className="text-base text-good">
              {t("backup.done")}
            </p>
          )}
        </div>
      </Section>
      <Section title={t("restore.title")} text={t("restore.text")}>
        {restore.error && <ProblemBox error={restore.error} />}
        {restore.data && (
          <p role="status" className="rounded-base bg-good-soft px-3 py-2 text-base">
            {t("restore.staged", { count: restore.data.files, when: moment(restore.data.made_at) })}
          </p>
        )}
        <div>
          <Button icon={Upload} onClick={() => input.current?.click()} disabled={restore.isPending}>
            {t(restore.isPending ? "restore.checking" : "restore.choose")}
          </Button>
          <input
            ref={input}
            type="file"
            accept=".zip,application/zip"
            aria-label={t("restore.choose")}
            className="sr-only"
            tabIndex={-1}
            onChange={(event) => {
              setFile(event.target.files?.[0] ?? null);
              event.target.value = "";
            }}
          />
        </div>
      </Section>
      <Confirm
        open={file !== null}
        onClose={() => setFile(null)}
        title={t("restore.askTitle", { name: file?.name })}
        text={t("restore.askText")}
        action={t("restore.begin")}
        danger
        onConfirm={() => file && restore.mutate(file)}
      />
    </>
  );
}

async function download(): Promise<void> {
  const answer = await ask("/api/domov/backup");
  const name = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "")?.[1] ?? "domov.zip";
  const address = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
