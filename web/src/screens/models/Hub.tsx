import { useQuery } from "@tanstack/react-query";
import { Search } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { number } from "@/app/formats";
import { Badge } from "@/components/Badge";
import { Button } from "@/components/Button";
import { TextField } from "@/components/Field";
import { EmptyState, ProblemBox, Skeleton } from "@/components/States";
import { type Download, searchQuery } from "./api";
import { Unfold } from "./Unfold";
import { Variants } from "./Variants";

/** Search on the hub. Nothing is sent there before somebody presses the button. */
export function Hub({ queue }: { queue: Download[] }) {
  const { t } = useTranslation("models");
  const [text, setText] = useState("");
  const [asked, setAsked] = useState<string | null>(null);
  const found = useQuery({ ...searchQuery(asked ?? ""), enabled: asked !== null });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setAsked(text.trim());
  };
  return (
    <div className="flex flex-col gap-5">
      <form onSubmit={submit} role="search" className="flex flex-wrap items-start gap-2">
        <div className="min-w-56 flex-1">
          <TextField
            label={t("hub.label")}
            hint={t("hub.hint")}
            type="search"
            value={text}
            placeholder="qwen3, gemma, …"
            onChange={(event) => setText(event.target.value)}
          />
        </div>
        <Button type="submit" icon={Search} look="primary" className="mt-6">
          {t("hub.search")}
        </Button>
      </form>
      {found.error ? <ProblemBox error={found.error} onRetry={found.refetch} /> : null}
      {found.isFetching && !found.data && <Skeleton lines={5} />}
      {found.data?.length === 0 && <EmptyState icon={Search} title={t("hub.nothing")} text={t("hub.nothingText")} />}
      {!!found.data?.length && (
        <ul aria-label={t("hub.found")} className="rounded-base border border-line">
          {found.data.map((one) => (
            <li key={one.name} className="flex flex-col gap-1 border-t border-line px-4 py-3 first:border-t-0">
              <div className="flex flex-wrap items-center gap-2">
                <span className="min-w-0 font-medium break-all">{one.name.replace("hf.co/", "")}</span>
                {one.gated && <Badge tone="warn">{t("hub.gated")}</Badge>}
              </div>
              <p className="text-small text-text-3">
                {[
                  one.licence,
                  t("hub.downloads", { count: one.downloads, shown: number(one.downloads, { notation: "compact" }) }),
                  one.quantizations.slice(0, 8).join(", "),
                ]
                  .filter(Boolean)
                  .join(" · ")}
              </p>
              <Unfold label={t("variants.all")}>
                <Variants model={one.name} queue={queue} />
              </Unfold>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
