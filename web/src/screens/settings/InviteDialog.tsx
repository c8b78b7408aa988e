import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { Select, TextField } from "@/components/Field";
import { Secret } from "@/components/Secret";
import { ProblemBox } from "@/components/States";
import { GroupChoice } from "./GroupChoice";

/** The address of a link, as the other person opens it: its secret stands where no server hears it. */
export function addressOf(secret: string): string {
  return `${location.origin}/#invitation=${secret}`;
}

/** A link that somebody makes an account with. */
export function InviteDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation("settings");
  const client = useQueryClient();
  const [note, setNote] = useState("");
  const [role, setRole] = useState("user");
  const [days, setDays] = useState("7");
  const [groups, setGroups] = useState<string[]>([]);
  const make = useMutation({
    mutationFn: () =>
      request<{ secret: string }>("/api/domov/invitations", {
        method: "POST",
        body: { note, role, groups, days: Number(days) },
      }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["people"] }),
  });
  if (make.data)
    return (
      <Dialog open onClose={onClose} title={t("links.made")} text={t("links.madeText")}>
        <div className="pb-2">
          <Secret label={t("links.link")} value={addressOf(make.data.secret)} />
        </div>
      </Dialog>
    );
  return (
    <Dialog open onClose={onClose} title={t("people.invite")} text={t("links.about")}>
      <form
        className="flex flex-col gap-3 pb-2"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate();
        }}
      >
        {make.error && <ProblemBox error={make.error} />}
        <TextField
          label={t("links.note")}
          hint={t("links.noteHint")}
          maxLength={100}
          value={note}
          onChange={(event) => setNote(event.target.value)}
        />
        <Select
          label={t("role.label")}
          value={role}
          options={(["user", "admin"] as const).map((value) => ({ value, label: t(`role.${value}`) }))}
          onChange={(event) => setRole(event.target.value)}
        />
        <Select
          label={t("links.good")}
          value={days}
          options={["1", "7", "30"].map((value) => ({ value, label: t("keys.days", { count: Number(value) }) }))}
          onChange={(event) => setDays(event.target.value)}
        />
        <GroupChoice value={groups} onChange={setGroups} />
        <div className="flex justify-end">
          <Button look="primary" type="submit" disabled={make.isPending}>
            {t("links.make")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
