import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { useSession } from "@/api/session";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { Select, TextField } from "@/components/Field";
import { Secret } from "@/components/Secret";
import { ProblemBox } from "@/components/States";
import { Limits, limitsOf, NO_LIMITS } from "./Limits";

const SCOPES = ["inference", "models", "admin"] as const;
const ENDS = ["never", "30", "90", "365"] as const;
const DAY_SECONDS = 86_400;

/** Makes a key and shows it, once. */
export function NewKey({ path, onClose, onMade }: { path: string; onClose: () => void; onMade: () => unknown }) {
  const { t } = useTranslation("settings");
  const most = useSession()?.scope ?? "admin";
  const [name, setName] = useState("");
  const [scope, setScope] = useState<string>("inference");
  const [ends, setEnds] = useState<string>("90");
  const [limits, setLimits] = useState(NO_LIMITS);
  const make = useMutation({
    mutationFn: () => {
      const expires_at = ends === "never" ? null : Date.now() / 1000 + Number(ends) * DAY_SECONDS;
      const given = limitsOf(limits);
      const models = scope === "inference" ? given.models : [];
      return request<{ secret: string }>(path, { method: "POST", body: { name, scope, expires_at, ...given, models } });
    },
    onSuccess: onMade,
  });
  const scopes = SCOPES.slice(0, SCOPES.indexOf(most as (typeof SCOPES)[number]) + 1);
  if (make.data)
    return (
      <Dialog
        open
        onClose={onClose}
        title={t("keys.made")}
        text={t("keys.madeText")}
        actions={
          <Button look="primary" onClick={onClose}>
            {t("keys.copied")}
          </Button>
        }
      >
        <Secret label={t("keys.secret")} value={make.data.secret} />
      </Dialog>
    );
  return (
    <Dialog open onClose={onClose} title={t("keys.new")}>
      <form
        className="flex flex-col gap-3 pb-2"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate();
        }}
      >
        {make.error && <ProblemBox error={make.error} />}
        <TextField
          label={t("keys.name")}
          hint={t("keys.nameHint")}
          required
          maxLength={64}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <Select
          label={t("keys.scope")}
          value={scope}
          options={scopes.map((value) => ({ value, label: t(`scope.${value}`) }))}
          onChange={(event) => setScope(event.target.value)}
        />
        <Select
          label={t("keys.ends")}
          value={ends}
          options={ENDS.map((value) => ({
            value,
            label: value === "never" ? t("keys.never") : t("keys.days", { count: Number(value) }),
          }))}
          onChange={(event) => setEnds(event.target.value)}
        />
        <Limits value={limits} onChange={setLimits} models={scope === "inference"} />
        <div className="flex justify-end">
          <Button look="primary" type="submit" disabled={make.isPending}>
            {t("keys.make")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
