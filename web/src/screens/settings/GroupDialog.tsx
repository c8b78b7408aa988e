import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import type { Limits as GivenLimits } from "@/api/session";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { Select, TextField } from "@/components/Field";
import { ProblemBox } from "@/components/States";
import { Limits, type LimitTexts, limitsOf, NO_LIMITS } from "./Limits";

export interface Group extends GivenLimits {
  id: string;
  name: string;
  scope: "inference" | "models";
  models: string[];
}

function textsOf(group: Group | null): LimitTexts {
  if (!group) return NO_LIMITS;
  const text = (value: number | null) => (value === null ? "" : String(value));
  return {
    models: group.models.join(", "),
    requests_per_minute: text(group.requests_per_minute),
    tokens_per_day: text(group.tokens_per_day),
    tokens_per_month: text(group.tokens_per_month),
    cost_per_month: text(group.cost_per_month),
  };
}

/** What members may do, with which models and how much. */
export function GroupDialog({ group, onClose }: { group: Group | null; onClose: () => void }) {
  const { t } = useTranslation(["settings", "entry"]);
  const client = useQueryClient();
  const [name, setName] = useState(group?.name ?? "");
  const [scope, setScope] = useState<string>(group?.scope ?? "inference");
  const [limits, setLimits] = useState(textsOf(group));
  const everyone = group?.id === "everyone";
  const change = useMutation({
    mutationFn: (method: "POST" | "PUT" | "DELETE") => {
      const path = group ? `/api/domov/groups/${group.id}` : "/api/domov/groups";
      const given = limitsOf(limits);
      const models = scope === "inference" ? given.models : [];
      return request(path, method === "DELETE" ? { method } : { method, body: { name, scope, ...given, models } });
    },
    onSuccess: () => {
      onClose();
      return client.invalidateQueries({ queryKey: ["people"] });
    },
  });
  return (
    <Dialog open onClose={onClose} title={group ? group.name : t("groups.new")}>
      <form
        className="flex flex-col gap-3 pb-2"
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate(group ? "PUT" : "POST");
        }}
      >
        {change.error && <ProblemBox error={change.error} />}
        {!everyone && (
          <TextField
            label={t("entry:login.name")}
            required
            maxLength={64}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        )}
        <Select
          label={t("groups.scope")}
          value={scope}
          options={(["inference", "models"] as const).map((value) => ({ value, label: t(`scope.${value}`) }))}
          onChange={(event) => setScope(event.target.value)}
        />
        <Limits value={limits} onChange={setLimits} models={scope === "inference"} />
        <p className="text-small text-text-3">{t("groups.each")}</p>
        <div className="flex justify-end gap-2">
          {group && !everyone && (
            <Button look="danger" onClick={() => change.mutate("DELETE")}>
              {t("users.delete")}
            </Button>
          )}
          <Button look="primary" type="submit" disabled={change.isPending}>
            {t("frame:save")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
