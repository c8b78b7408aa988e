import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { bytes, number, seconds } from "@/app/formats";
import { Badge } from "@/components/Badge";
import { Button } from "@/components/Button";
import { ProblemBox } from "@/components/States";
import { type Loaded, unload } from "@/screens/models/api";

/** The models in memory, and what each takes. */
export function InMemory({ rows }: { rows: Loaded[] }) {
  const { t } = useTranslation("machine");
  return (
    <section aria-labelledby="in-memory">
      <h2 id="in-memory" className="mb-2 text-read">
        {t("models.title")}
      </h2>
      {rows.length ? (
        <ul className="rounded-base border border-line">
          {rows.map((row) => (
            <Row key={row.model} row={row} />
          ))}
        </ul>
      ) : (
        <p className="text-base text-text-2">
          {t("models.none")}{" "}
          <Link href="/home/models" className="text-accent-text underline underline-offset-4">
            {t("models.go")}
          </Link>
        </p>
      )}
    </section>
  );
}

function Row({ row }: { row: Loaded }) {
  const { t } = useTranslation("machine");
  const client = useQueryClient();
  const end = useMutation({
    mutationFn: () => unload(row.model),
    onSettled: () => client.invalidateQueries({ queryKey: ["machine", "use"] }),
  });
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 border-t border-line px-4 py-2.5 first:border-t-0">
      <div className="min-w-56 flex-1">
        <div className="flex flex-wrap items-center gap-2">
          <span className="min-w-0 font-medium break-all">{row.model}</span>
          <Badge tone={row.state === "loading" ? "warn" : row.state === "running" ? "accent" : "quiet"}>
            {t(`models.${row.state}`)}
          </Badge>
        </div>
        <p className="text-small text-text-2">
          {[
            t("models.takes", { size: bytes(row.memory_bytes), planned: bytes(row.planned_bytes) }),
            t("models.context", { tokens: number(row.context_tokens) }),
            row.running + row.waiting > 0 && t("models.requests", { running: row.running, waiting: row.waiting }),
            row.expires_in_seconds !== null && t("models.goes", { time: seconds(row.expires_in_seconds) }),
          ]
            .filter(Boolean)
            .join(" · ")}
        </p>
      </div>
      {row.state === "idle" && (
        <Button
          small
          disabled={end.isPending}
          aria-label={t("models.unloadModel", { model: row.model })}
          onClick={() => end.mutate()}
        >
          {t("models.unload")}
        </Button>
      )}
      {end.error && <ProblemBox error={end.error} className="w-full" />}
    </li>
  );
}
