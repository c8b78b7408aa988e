import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { bytes } from "@/app/formats";
import { Badge } from "@/components/Badge";
import { Button, IconButton } from "@/components/Button";
import { ProblemBox, Skeleton } from "@/components/States";
import { type Collection, drop, type FileRow, filesQuery } from "./api";

/** The files of a collection, asked for when they are unfolded; those that were sent can be removed. */
export function FileList({ one }: { one: Collection }) {
  const { t } = useTranslation("documents");
  const [open, setOpen] = useState(false);
  return (
    <details className="mt-1" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="w-fit rounded-small text-small text-text-2">{t("allFiles")}</summary>
      {open && <Rows one={one} />}
    </details>
  );
}

function Rows({ one }: { one: Collection }) {
  const { t } = useTranslation("documents");
  const client = useQueryClient();
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(
    filesQuery(one.name),
  );
  const act = useMutation({
    mutationFn: (file: string) => drop(one.name, file),
    onSettled: () => client.invalidateQueries({ queryKey: ["documents"] }),
  });
  if (error) return <ProblemBox error={error} onRetry={refetch} className="mt-2" />;
  if (!data) return <Skeleton className="mt-2" />;
  return (
    <div className="mt-1.5">
      {act.error && <ProblemBox error={act.error} className="mb-2" />}
      <ul aria-label={t("filesOf", { name: one.name })}>
        {data.pages
          .flatMap((page) => page.files)
          .map((file) => (
            <Row key={file.id} file={file} onDrop={sent(file, one) ? () => act.mutate(file.file) : undefined} />
          ))}
      </ul>
      {hasNextPage && (
        <Button small className="mt-2" disabled={isFetchingNextPage} onClick={() => fetchNextPage()}>
          {t("moreFiles")}
        </Button>
      )}
    </div>
  );
}

function Row({ file, onDrop }: { file: FileRow; onDrop: (() => void) | undefined }) {
  const { t } = useTranslation("documents");
  return (
    <li className="flex items-center gap-2 border-t border-line py-1 text-small first:border-t-0">
      <span className="min-w-0 flex-1 break-all" title={file.path}>
        {file.file}
      </span>
      <span className="tabular shrink-0 text-text-3">{bytes(file.size_bytes)}</span>
      {file.state !== "read" && (
        <Badge tone={file.state === "failed" ? "bad" : "quiet"}>{t(`fileState.${file.state}`)}</Badge>
      )}
      {onDrop && <IconButton small icon={Trash2} label={t("drop", { file: file.file })} onClick={onDrop} />}
    </li>
  );
}

/** Whether a file was sent here, and so lies in Domov's own folder, `documents/files/NUMBER`. */
function sent(file: FileRow, one: Collection): boolean {
  return one.changeable && /[\\/]documents[\\/]files[\\/]\d+[\\/][^\\/]+$/.test(file.path);
}
