import { useQuery } from "@tanstack/react-query";
import { Search } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { number } from "@/app/formats";
import { Badge } from "@/components/Badge";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { Select, TextField } from "@/components/Field";
import { EmptyState, ProblemBox, Skeleton } from "@/components/States";
import { aroundQuery, type Passage, searchQuery } from "./api";

/** A search to try: the passages that a chat would be given, each with the reason why it was found. */
export function Try({ collections }: { collections: string[] }) {
  const { t } = useTranslation("documents");
  const [text, setText] = useState("");
  const [where, setWhere] = useState("");
  const [asked, setAsked] = useState({ text: "", where: "" });
  const [open, setOpen] = useState<Passage | null>(null);
  const found = useQuery({ ...searchQuery(asked.text, asked.where), enabled: asked.text !== "" });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setAsked({ text: text.trim(), where });
  };
  const options = [
    { value: "", label: t("try.everywhere") },
    ...collections.map((name) => ({ value: name, label: name })),
  ];
  return (
    <section aria-label={t("try.label")}>
      <form role="search" onSubmit={submit} className="flex flex-wrap items-end gap-2">
        <div className="min-w-56 flex-1">
          <TextField
            label={t("try.label")}
            type="search"
            value={text}
            placeholder={t("try.placeholder")}
            onChange={(event) => setText(event.target.value)}
          />
        </div>
        {collections.length > 1 && (
          <div className="w-44">
            <Select
              label={t("try.where")}
              options={options}
              value={where}
              onChange={(event) => setWhere(event.target.value)}
            />
          </div>
        )}
        <Button type="submit" look="primary" icon={Search} disabled={!text.trim()}>
          {t("try.search")}
        </Button>
      </form>
      {found.error && <ProblemBox error={found.error} onRetry={found.refetch} className="mt-4" />}
      {found.isFetching && !found.data && <Skeleton lines={4} className="mt-4" />}
      {found.data?.length === 0 && <EmptyState icon={Search} title={t("try.nothing")} text={t("try.nothingText")} />}
      {!!found.data?.length && (
        <ol aria-label={t("try.found")} className="mt-4 rounded-base border border-line">
          {found.data.map((hit) => (
            <Hit key={hit.passage} hit={hit} onOpen={() => setOpen(hit)} />
          ))}
        </ol>
      )}
      {open && <PassageDialog hit={open} onClose={() => setOpen(null)} />}
    </section>
  );
}

function Hit({ hit, onOpen }: { hit: Passage; onOpen: () => void }) {
  const { t } = useTranslation("documents");
  const place = hit.page ? t("page", { page: hit.page }) : hit.line ? t("line", { line: hit.line }) : "";
  return (
    <li className="border-t border-line px-4 py-3 first:border-t-0">
      <div className="flex flex-wrap items-baseline gap-x-2">
        <button
          type="button"
          onClick={onOpen}
          className="min-w-0 rounded-small text-left font-medium break-words text-accent-text hover:underline"
        >
          {hit.file}
        </button>
        <span className="text-small text-text-3">
          {[hit.titles.filter((title) => title !== hit.file).join(" › "), place, hit.collection]
            .filter(Boolean)
            .join(" · ")}
        </span>
      </div>
      <p className="line-clamp-3 text-base break-words whitespace-pre-line text-text-2">{hit.text}</p>
      <div className="mt-1.5 flex flex-wrap gap-1.5">
        {Object.entries(hit.ranks).map(([list, rank]) => (
          <Badge key={list}>{t(`why.${list}`, { rank })}</Badge>
        ))}
        {hit.cosine !== null && (
          <Badge>{t("why.cosine", { value: number(hit.cosine, { maximumFractionDigits: 2 }) })}</Badge>
        )}
        {hit.relevance !== null && (
          <Badge>{t("why.relevance", { value: number(hit.relevance, { maximumFractionDigits: 2 }) })}</Badge>
        )}
      </div>
    </li>
  );
}

/** A passage between its neighbours. */
function PassageDialog({ hit, onClose }: { hit: Passage; onClose: () => void }) {
  const { t } = useTranslation("documents");
  const { data, error, refetch } = useQuery(aroundQuery(hit.passage));
  return (
    <Dialog open wide onClose={onClose} title={hit.file} text={<span className="break-all">{hit.path}</span>}>
      {error ? <ProblemBox error={error} onRetry={refetch} /> : !data && <Skeleton lines={6} />}
      <div className="flex flex-col gap-3">
        {data?.map((passage) => (
          <p
            key={passage.passage}
            className={
              passage.passage === hit.passage
                ? "border-l-2 border-accent pl-3 break-words whitespace-pre-line"
                : "pl-3.5 break-words whitespace-pre-line text-text-3"
            }
          >
            {passage.passage === hit.passage && <span className="sr-only">{t("thisPassage")}: </span>}
            {passage.text}
          </p>
        ))}
      </div>
    </Dialog>
  );
}
