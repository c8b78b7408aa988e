import { useMutation } from "@tanstack/react-query";
import { Upload } from "lucide-react";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { Progress } from "@/components/Meter";
import { ProblemBox } from "@/components/States";
import { listAgain } from "./data/chats";

interface Imported {
  imported: number;
  skipped: { name: string; reason: string }[];
}

/** Takes in the chats of another program. */
export function ImportDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation("chat");
  const picker = useRef<HTMLInputElement>(null);
  const work = useMutation({
    mutationFn: (file: File) => {
      const body = new FormData();
      body.append("file", file, file.name);
      return request<Imported>("/api/domov/chats/import", { method: "POST", body });
    },
    onSuccess: listAgain,
  });
  return (
    <Dialog open={open} onClose={onClose} title={t("import.title")} text={t("import.text")}>
      <div className="flex flex-col gap-3 pb-2">
        <input
          ref={picker}
          type="file"
          accept=".json,.zip"
          hidden
          aria-hidden
          tabIndex={-1}
          onChange={(event) => {
            const file = event.target.files?.[0];
            if (file) work.mutate(file);
            event.target.value = "";
          }}
        />
        <Button icon={Upload} look="primary" disabled={work.isPending} onClick={() => picker.current?.click()}>
          {t("import.choose")}
        </Button>
        {work.isPending && <Progress label={t("import.title")} share={null} />}
        {work.isError && <ProblemBox error={work.error} />}
        {work.data && (
          <div role="status" className="text-base">
            <p>{t("import.done", { count: work.data.imported })}</p>
            {work.data.skipped.length > 0 && (
              <>
                <p className="mt-2 text-text-2">{t("import.skipped", { count: work.data.skipped.length })}</p>
                <ul className="mt-1 max-h-40 overflow-y-auto text-small text-text-2">
                  {work.data.skipped.map(({ name, reason }, at) => (
                    <li key={at}>
                      {name}: {reason}
                    </li>
                  ))}
                </ul>
              </>
            )}
          </div>
        )}
      </div>
    </Dialog>
  );
}
