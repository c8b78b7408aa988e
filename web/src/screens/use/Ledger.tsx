import { useQuery } from "@tanstack/react-query";
import { BookOpenCheck, ChevronLeft, ChevronRight } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { bytes, moment, number } from "@/app/formats";
import { Badge } from "@/components/Badge";
import { IconButton } from "@/components/Button";
import { Select } from "@/components/Field";
import { EmptyState, ProblemBox, Skeleton } from "@/components/States";
import { type Column, Table } from "@/components/Table";
import { type Connection, ledgerQuery, PAGE, type Sum, type Ledger as Told } from "./api";

/** Every connection to elsewhere: why, whereto, how much, and what came of it. */
export function Ledger() {
  const { t } = useTranslation("use");
  const [reason, setReason] = useState("");
  const [skip, setSkip] = useState(0);
  const { data, error, refetch } = useQuery(ledgerQuery(reason, skip));
  return (
    <section aria-labelledby="ledger">
      <h2 id="ledger" className="text-read">
        {t("ledger.title")}
      </h2>
      <p className="mb-3 text-small text-text-3">{t("ledger.text")}</p>
      {error && <ProblemBox error={error} onRetry={refetch} />}
      {!data && !error && <Skeleton lines={4} />}
      {data?.reasons.length === 0 && (
        <EmptyState icon={BookOpenCheck} title={t("ledger.nothing")} text={t("ledger.nothingText")} />
      )}
      {!!data?.reasons.length && (
        <div className="flex flex-col gap-5">
          <Sums rows={data.reasons} />
          <Rows
            told={data}
            reason={reason}
            onReason={(chosen) => [setReason(chosen), setSkip(0)]}
            skip={skip}
            onSkip={setSkip}
          />
        </div>
      )}
    </section>
  );
}

type T = (key: string, values?: Record<string, unknown>) => string;

const why = (name: string, t: T) => t(`ledger.reasons.${name}`, { defaultValue: name });

function Sums({ rows }: { rows: Sum[] }) {
  const { t } = useTranslation("use");
  const columns: Column<Sum>[] = [
    { title: t("ledger.why"), cell: (row) => why(row.name, t) },
    { title: t("ledger.connections"), cell: (row) => number(row.count), right: true },
    { title: t("ledger.refused"), cell: (row) => (row.refused ? number(row.refused) : ""), right: true },
    { title: t("ledger.received"), cell: (row) => bytes(row.received_bytes), right: true },
    { title: t("ledger.sent"), cell: (row) => bytes(row.sent_bytes), right: true },
  ];
  return <Table label={t("ledger.sums")} columns={columns} rows={rows} keyOf={(row) => row.name} />;
}

function Rows(props: {
  told: Told;
  reason: string;
  onReason: (reason: string) => void;
  skip: number;
  onSkip: (skip: number) => void;
}) {
  const { t } = useTranslation("use");
  const { told, skip } = props;
  const options = [
    { value: "", label: t("ledger.every") },
    ...told.reasons.map((row) => ({ value: row.name, label: why(row.name, t) })),
  ];
  const columns: Column<Connection>[] = [
    { title: t("ledger.when"), cell: (row) => moment(Date.parse(row.time) / 1000), className: "whitespace-nowrap" },
    { title: t("ledger.host"), cell: (row) => row.host, className: "whitespace-nowrap" },
    { title: t("ledger.what"), cell: (row) => what(row, t), className: "min-w-52 break-all" },
    {
      title: t("ledger.received"),
      cell: (row) => (row.received_bytes === null ? "" : bytes(row.received_bytes)),
      right: true,
    },
    { title: t("ledger.outcome"), cell: (row) => <Outcome row={row} /> },
  ];
  return (
    <div>
      <div className="mb-2 flex flex-wrap items-end justify-between gap-3">
        <div className="w-56">
          <Select
            label={t("ledger.show")}
            options={options}
            value={props.reason}
            onChange={(event) => props.onReason(event.target.value)}
          />
        </div>
        <div className="flex items-center gap-2 text-small text-text-2">
          <span className="tabular">
            {t("ledger.range", {
              from: number(Math.min(skip + 1, told.count)),
              to: number(Math.min(skip + PAGE, told.count)),
              all: number(told.count),
            })}
          </span>
          <IconButton
            small
            icon={ChevronLeft}
            label={t("ledger.newer")}
            disabled={!skip}
            onClick={() => props.onSkip(Math.max(0, skip - PAGE))}
          />
          <IconButton
            small
            icon={ChevronRight}
            label={t("ledger.older")}
            disabled={skip + PAGE >= told.count}
            onClick={() => props.onSkip(skip + PAGE)}
          />
        </div>
      </div>
      <Table
        label={t("ledger.rows")}
        columns={columns}
        rows={told.connections.map((row, index) => ({ ...row, key: skip + index }))}
        keyOf={(row) => (row as Connection & { key: number }).key}
      />
    </div>
  );
}

function what(row: Connection, t: T): string {
  const thing = row.reason === row.why ? "" : row.reason.slice(row.why.length + 1);
  return [why(row.why, t), thing].filter(Boolean).join(": ");
}

function Outcome({ row }: { row: Connection }) {
  const { t } = useTranslation("use");
  if (row.outcome.startsWith("forbidden")) return <Badge tone="accent">{t("ledger.forbidden")}</Badge>;
  const good = /^[23]\d\d$/.test(row.outcome);
  return <Badge tone={good ? "quiet" : "bad"}>{row.outcome}</Badge>;
}
