import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { number } from "@/app/formats";
import { classes } from "@/components/classes";
import { Meter } from "@/components/Meter";
import { ProblemBox, Skeleton } from "@/components/States";
import { stories } from "./story";
import type { OpenStory } from "./useStory";

const LOOKS = {
  memory: "border-accent bg-accent-soft",
  world: "border-cloud bg-cloud-soft",
  note: "border-good bg-good-soft",
  text: "border-line",
};

/** Exactly what is sent to the model when it writes on, part by part. */
export function Seen({ id, open, prepared }: { id: string; open: OpenStory; prepared: () => Promise<void> }) {
  const { t } = useTranslation("writing");
  const seen = useQuery({
    queryKey: ["seen", id, open.story?.current, open.text],
    queryFn: async () => {
      await prepared();
      await open.save();
      return stories.seen(id);
    },
    enabled: open.busy === null && !open.story?.running, // not at each word that is written
    placeholderData: keepPreviousData,
    gcTime: 0,
    staleTime: 0,
  });
  if (seen.isError) return <ProblemBox error={seen.error} onRetry={seen.refetch} className="m-4" />;
  if (!seen.data) return <Skeleton className="p-6" />;
  const { parts, tokens, context_tokens, answer_tokens, left_out_characters } = seen.data;
  const words = t("seen.tokens", { tokens: number(tokens), most: number(context_tokens - answer_tokens) });
  return (
    <section
      aria-label={t("views.seen")}
      tabIndex={0}
      className="min-h-0 flex-1 overflow-y-auto px-5 py-5 outline-offset-[-2px]"
    >
      <div className="mx-auto flex max-w-[72ch] flex-col gap-3">
        <p className="text-small text-text-2">{words}</p>
        <Meter label={t("views.seen")} value={tokens} max={context_tokens - answer_tokens} text={words} />
        {left_out_characters > 0 && (
          <p className="text-small text-warn">{t("seen.left", { count: left_out_characters })}</p>
        )}
        {parts.length === 0 && <p className="text-base text-text-2">{t("seen.nothing")}</p>}
        {parts.map((part, place) => (
          <figure key={place} className={classes("rounded-small border-l-2 px-3 py-2", LOOKS[part.kind])}>
            <figcaption className="pb-1 text-small font-medium text-text-2">{t(`seen.${part.kind}`)}</figcaption>
            <pre className="font-sans text-base break-words whitespace-pre-wrap">{part.text}</pre>
          </figure>
        ))}
      </div>
    </section>
  );
}
