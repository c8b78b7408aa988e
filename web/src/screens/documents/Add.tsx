import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Upload } from "lucide-react";
import { type DragEvent, type FormEvent, useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "@/api/client";
import { bytes } from "@/app/formats";
import { Button } from "@/components/Button";
import { classes } from "@/components/classes";
import { Dialog } from "@/components/Dialog";
import { TextField } from "@/components/Field";
import { useSentence } from "@/components/States";
import { addFolder, type Refused, sendAll } from "./api";

/** Files of this browser's computer, or a folder of the server's, into a collection. */
export function AddDialog({ names, admin, onClose }: { names: string[]; admin: boolean; onClose: () => void }) {
  const { t } = useTranslation("documents");
  const client = useQueryClient();
  const list = useId();
  const sentence = useSentence();
  const [name, setName] = useState(names[0] ?? t("add.first"));
  const [files, setFiles] = useState<File[]>([]);
  const [folder, setFolder] = useState("");
  const add = useMutation({
    mutationFn: async () => {
      const failed: Refused[] = [];
      if (folder.trim())
        await addFolder(name.trim(), folder.trim()).catch((problem) => failed.push({ file: folder, problem }));
      return [...failed, ...(await sendAll(name.trim(), files))];
    },
    onSuccess: (failed) => {
      client.invalidateQueries({ queryKey: ["documents"] });
      if (!failed.length) onClose();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    add.mutate();
  };
  const ready = name.trim() !== "" && (files.length > 0 || folder.trim() !== "") && !add.isPending;
  return (
    <Dialog open onClose={onClose} title={t("add.title")} text={t("add.text")}>
      <form onSubmit={submit} className="flex flex-col gap-4 pb-2">
        <TextField
          label={t("add.name")}
          hint={t("add.nameHint")}
          list={list}
          required
          maxLength={100}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <datalist id={list}>
          {names.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
        <Drop files={files} onFiles={setFiles} />
        {admin && (
          <TextField
            label={t("add.folder")}
            hint={t("add.folderHint")}
            value={folder}
            placeholder="/home/me/Documents"
            onChange={(event) => setFolder(event.target.value)}
          />
        )}
        {add.data?.map(({ file, problem }) => (
          <p key={file} role="alert" className="text-small break-words text-bad">
            {file}: {sentence(problem instanceof Problem ? problem : new Error(String(problem)))}
          </p>
        ))}
        <div className="flex justify-end gap-2">
          <Button look="quiet" onClick={onClose}>
            {t("cancel")}
          </Button>
          <Button look="primary" type="submit" disabled={!ready}>
            {t(add.isPending ? "add.sending" : "add.action")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Drop({ files, onFiles }: { files: File[]; onFiles: (files: File[]) => void }) {
  const { t } = useTranslation("documents");
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    onFiles([...event.dataTransfer.files]);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the button inside does the same by keyboard
    <div
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
      className={classes(
        "flex flex-col items-center gap-2 rounded-base border border-dashed px-4 py-5 text-center",
        over ? "border-accent bg-accent-soft" : "border-line-strong",
      )}
    >
      <input
        ref={input}
        type="file"
        multiple
        aria-label={t("add.files")}
        className="sr-only"
        tabIndex={-1}
        onChange={(event) => onFiles([...(event.target.files ?? [])])}
      />
      <Button small icon={Upload} onClick={() => input.current?.click()}>
        {t("add.files")}
      </Button>
      <p className="text-small text-text-3">
        {files.length ? files.map((file) => `${file.name} (${bytes(file.size)})`).join(", ") : t("add.drop")}
      </p>
    </div>
  );
}
