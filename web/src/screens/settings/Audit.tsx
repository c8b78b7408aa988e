import { useInfiniteQuery } from "@tanstack/react-query";
import { ScrollText } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { useTranslation } from "react-i18next";
import { query, request } from "@/api/client";
import { moment } from "@/app/formats";
import { Button } from "@/components/Button";
import { Select, TextField } from "@/components/Field";
import { EmptyState, ProblemBox, Skeleton } from "@/components/States";
import { Table } from "@/components/Table";
import { Section } from "./Section";

interface Line {
  at: string;
  action?: string;
  by?: string;
  name?: string;
  address?: string;
  reason?: string;
  status?: number;
  [key: string]: unknown;
}

interface Page {
  rows: Line[];
  next: number | null;
}

const KNOWN = ["at", "action", "by", "name", "address", "reason", "status"];

/** Who changed what, the newest first. */
export default function Audit() {
  const { t } = useTranslation("settings");
  const [words, setWords] = useState("");
  const [since, setSince] = useState("");
  const [log, setLog] = useState("audit");
  const asked = useDeferredValue(words);
  const lines = useInfiniteQuery({
    queryKey: ["audit", log, asked, since],
    queryFn: ({ pageParam, signal }) =>
      request<Page>(`/api/domov/audit${query({ log, words: asked, since, before: pageParam })}`, { signal }),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next,
  });
  const rows = lines.data?.pages.flatMap((page) => page.rows) ?? [];
  return (
    <Section title={t("part.audit")} text={t("audit.text")}>
      <div className="grid gap-3 sm:grid-cols-3">
        <Select
          label={t("audit.log")}
          value={log}
          options={(["audit", "logins"] as const).map((value) => ({ value, label: t(`audit.${value}`) }))}
          onChange={(event) => setLog(event.target.value)}
        />
        <TextField label={t("audit.words")} value={words} onChange={(event) => setWords(event.target.value)} />
        <TextField
          label={t("audit.since")}
          type="date"
          value={since}
          onChange={(event) => setSince(event.target.value)}
        />
      </div>
      {lines.error && <ProblemBox error={lines.error} onRetry={lines.refetch} />}
      {lines.isPending && <Skeleton lines={6} />}
      {lines.data && !rows.length && <EmptyState icon={ScrollText} title={t("audit.nothing")} />}
      {rows.length > 0 && (
        <Table
          label={t("part.audit")}
          rows={rows.map((row, at) => ({ ...row, at_row: at }))}
          keyOf={(row) => row.at_row}
          columns={[
            {
              title: t("audit.when"),
              cell: (row) => moment(Date.parse(row.at) / 1000),
              className: "whitespace-nowrap",
            },
            { title: t("audit.who"), cell: (row) => row.name ?? row.by ?? row.address ?? "" },
            { title: t("audit.what"), cell: (row) => row.action ?? row.reason ?? "", className: "break-words" },
            { title: t("audit.about"), cell: about, className: "break-words text-text-3" },
          ]}
        />
      )}
      {lines.hasNextPage && (
        <div>
          <Button onClick={() => lines.fetchNextPage()} disabled={lines.isFetchingNextPage}>
            {t("audit.more")}
          </Button>
        </div>
      )}
    </Section>
  );
}

function about(row: Line): string {
  const more = Object.entries(row).filter(([key]) => !KNOWN.includes(key) && key !== "at_row");
  const told = more.map(([key, value]) => `${key.replaceAll("_", " ")}: ${value}`);
  const failed = row.status !== undefined && row.status >= 400 ? [String(row.status)] : [];
  return [...failed, ...told].join(", ");
}
