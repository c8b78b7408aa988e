import { useMutation, useQuery } from "@tanstack/react-query";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { useOffer } from "@/api/server";
import { type Limits, type Used, useSession } from "@/api/session";
import { day, money, number } from "@/app/formats";
import { Badge } from "@/components/Badge";
import { Button } from "@/components/Button";
import { Confirm } from "@/components/Dialog";
import { EmptyState, ProblemBox, Skeleton } from "@/components/States";
import { useLimitWords } from "./Limits";
import { NewKey } from "./NewKey";
import { Section } from "./Section";

export interface Key extends Limits {
  id: string;
  name: string;
  scope: string;
  models: string[];
  expires_at: number | null;
  revoked_at: number | null;
  shown: string;
  user: string | null;
  today: Used;
  month: Used;
}

/** One's own keys, and for who administers the server's. */
export default function Keys() {
  const { t } = useTranslation("settings");
  const session = useSession();
  const offer = useOffer();
  return (
    <>
      {session?.user && <List path="/api/domov/session/keys" title={t("keys.own")} text={t("keys.ownText")} />}
      {offer?.features.includes("keys") && (
        <List path="/api/domov/keys" title={t("keys.servers")} text={t("keys.serversText")} />
      )}
    </>
  );
}

function List({ path, title, text }: { path: string; title: string; text: string }) {
  const { t } = useTranslation("settings");
  const [making, setMaking] = useState(false);
  const keys = useQuery({
    queryKey: ["keys", path],
    queryFn: async ({ signal }) => (await request<{ keys: Key[] }>(path, { signal })).keys,
  });
  const shown = (keys.data ?? []).filter(
    (key) => key.revoked_at === null && (key.user === null || path.includes("session")),
  );
  return (
    <Section
      title={title}
      text={text}
      action={
        <Button icon={Plus} onClick={() => setMaking(true)}>
          {t("keys.new")}
        </Button>
      }
    >
      {keys.error && <ProblemBox error={keys.error} onRetry={keys.refetch} />}
      {keys.isPending && <Skeleton />}
      {keys.data && !shown.length && <EmptyState icon={KeyRound} title={t("keys.none")} text={t("keys.noneText")} />}
      {shown.length > 0 && (
        <ul className="flex flex-col divide-y divide-line rounded-base border border-line">
          {shown.map((key) => (
            <Row key={key.id} shown={key} path={path} onChange={keys.refetch} />
          ))}
        </ul>
      )}
      {making && <NewKey path={path} onClose={() => setMaking(false)} onMade={keys.refetch} />}
    </Section>
  );
}

function Row({ shown, path, onChange }: { shown: Key; path: string; onChange: () => unknown }) {
  const { t } = useTranslation("settings");
  const currency = useOffer()?.currency;
  const limitsOf = useLimitWords();
  const [asking, setAsking] = useState(false);
  const revoke = useMutation({
    mutationFn: () => request(`${path}/${shown.id}`, { method: "DELETE" }),
    onSuccess: onChange,
  });
  const over = shown.expires_at !== null && shown.expires_at * 1000 < Date.now();
  const limits = [
    shown.models.join(", "),
    ...limitsOf(shown),
    shown.expires_at && t(over ? "keys.expired" : "keys.until", { day: day(shown.expires_at) }),
  ].filter(Boolean);
  return (
    <li className="flex flex-wrap items-center gap-3 px-3 py-2.5">
      <div className="min-w-0 flex-1 basis-60">
        <p className="flex flex-wrap items-center gap-2 text-base">
          <span className="break-all">{shown.name}</span>
          <Badge tone={shown.scope === "admin" ? "warn" : "quiet"}>{t(`scope.${shown.scope}`)}</Badge>
          {over && <Badge tone="bad">{t("keys.ended")}</Badge>}
        </p>
        <p className="text-small text-text-3">
          <code>{shown.shown}</code> ·{" "}
          {t("keys.used", { tokens: number(shown.today.tokens), month: number(shown.month.tokens) })}
          {currency && shown.month.cost > 0 && ` (${money(shown.month.cost, currency)})`}
          {limits.length > 0 && ` · ${limits.join(" · ")}`}
        </p>
        {revoke.error && <ProblemBox error={revoke.error} className="mt-2" />}
      </div>
      <Button small onClick={() => setAsking(true)} aria-label={`${t("keys.revoke")}: ${shown.name}`}>
        {t("keys.revoke")}
      </Button>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title={t("keys.revokeTitle", { name: shown.name })}
        text={t("keys.revokeText")}
        action={t("keys.revoke")}
        danger
        onConfirm={() => revoke.mutate()}
      />
    </li>
  );
}
