import { useQuery } from "@tanstack/react-query";
import { BookOpen, FileText } from "lucide-react";
import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { useOffer } from "@/api/server";
import { Drawer } from "@/components/Dialog";
import { CitationContext } from "@/components/markdown/Markdown";
import { Skeleton } from "@/components/States";
import { Tip } from "@/components/Tip";
import type { Message, Reference } from "./data/chats";

const OpenContext = createContext<(reference: Reference) => void>(() => undefined);

/** Opens the passage that a number in an answer stands for, beside the chat. */
export function CitedProvider({ children }: { children: ReactNode }) {
  const { t } = useTranslation("chat");
  const [open, setOpen] = useState<Reference | null>(null);
  return (
    <OpenContext value={setOpen}>
      {children}
      <Drawer open={open !== null} onClose={() => setOpen(null)} side="right" title={t("source.title")}>
        {open && <Passage reference={open} />}
      </Drawer>
    </OpenContext>
  );
}

/** Makes `[1]` in an answer a button, where the answer has a first source. */
export function Citations({ references, children }: { references: Reference[]; children: ReactNode }) {
  const { t } = useTranslation("chat");
  const open = useContext(OpenContext);
  const draw = useCallback(
    (number: number, raw: string) => {
      const reference = references.find((one) => one.number === number);
      if (!reference) return raw;
      return (
        <Tip text={placeOf(reference)} side="top">
          <button
            type="button"
            aria-label={t("source.open", { number, name: reference.title || reference.file })}
            onClick={() => open(reference)}
            className="mx-0.5 inline-flex h-[18px] min-w-[18px] items-center justify-center rounded-small bg-accent-soft px-1 align-[1px] text-[13px] leading-none text-accent-text no-underline hover:bg-accent hover:text-on-accent"
          >
            {number}
          </button>
        </Tip>
      );
    },
    [references, open, t],
  );
  const value = useMemo(() => (references.length ? draw : null), [references, draw]);
  return <CitationContext value={value}>{children}</CitationContext>;
}

function placeOf({ title, file, page }: Reference): string {
  return [title || file, page ? `${page}` : ""].filter(Boolean).join(", ");
}

/** All sources of an answer, as a quiet row; and that the documents did not say, if so. */
export function Sources({ message }: { message: Message }) {
  const { t } = useTranslation("chat");
  const open = useContext(OpenContext);
  if (!message.references.length) return null;
  return (
    <div className="mt-3 flex flex-wrap items-center gap-1.5 text-small">
      <BookOpen size={15} aria-hidden className="text-text-3" />
      <span className="sr-only">{t("source.all")}</span>
      {message.documents?.answered === false && <span className="text-warn">{t("source.notSaid")}</span>}
      {message.references.map((reference) => (
        <button
          key={reference.number}
          type="button"
          onClick={() => open(reference)}
          className="flex h-7 max-w-56 items-center gap-1.5 rounded-small border border-line px-2 text-text-2 hover:bg-hover hover:text-text"
        >
          <span className="tabular text-accent-text">{reference.number}</span>
          <span className="truncate">{reference.title || reference.file}</span>
          {reference.page && <span className="shrink-0 text-text-3">{t("source.page", { page: reference.page })}</span>}
        </button>
      ))}
    </div>
  );
}

/** A passage in its place: what stands before and after it, too. */
function Passage({ reference }: { reference: Reference }) {
  const { t } = useTranslation("chat");
  const offer = useOffer();
  const { data, isPending } = useQuery({
    queryKey: ["passage", reference.passage],
    queryFn: ({ signal }) =>
      request<{ passages: Reference[] }>(`/api/domov/documents/passages/${reference.passage}?around=1`, { signal }),
    enabled: offer?.features.includes("documents") ?? false,
  });
  const passages = data?.passages ?? [reference];
  return (
    <div className="min-h-0 flex-1 overflow-y-auto p-4">
      <div className="flex items-start gap-2.5">
        <FileText size={18} aria-hidden className="mt-1 shrink-0 text-accent-text" />
        <div className="min-w-0">
          <h3 className="text-base break-words">{reference.title || reference.file}</h3>
          <p className="text-small break-words text-text-3">
            {[
              reference.titles?.join(" › "),
              reference.page && t("source.page", { page: reference.page }),
              reference.collection,
            ]
              .filter(Boolean)
              .join(" · ")}
          </p>
          <p className="text-small break-all text-text-3">{reference.path}</p>
        </div>
      </div>
      <div className="mt-4 flex flex-col gap-3 text-base">
        {isPending && offer?.features.includes("documents") ? (
          <Skeleton />
        ) : (
          passages.map((passage) => (
            <p
              key={passage.passage}
              className={
                passage.passage === reference.passage
                  ? "border-l-2 border-accent pl-3 whitespace-pre-wrap"
                  : "border-l-2 border-transparent pl-3 whitespace-pre-wrap text-text-3"
              }
            >
              {passage.text}
            </p>
          ))
        )}
      </div>
    </div>
  );
}
