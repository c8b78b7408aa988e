import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { sessionQuery, useSession } from "@/api/session";
import { Button } from "@/components/Button";
import { Confirm, Dialog } from "@/components/Dialog";
import { Select, TextField } from "@/components/Field";
import { Secret } from "@/components/Secret";
import { ProblemBox } from "@/components/States";
import { GroupChoice } from "./GroupChoice";
import { addressOf } from "./InviteDialog";
import type { Account } from "./People";

/** Somebody's name, role and groups; a new password, out and in again, and away. */
export function UserDialog({ user, onClose }: { user: Account; onClose: () => void }) {
  const { t } = useTranslation(["settings", "entry"]);
  const me = useSession()?.user?.id === user.id;
  const [name, setName] = useState(user.name);
  const [role, setRole] = useState<string>(user.role);
  const [groups, setGroups] = useState<string[]>(user.groups);
  const [asking, setAsking] = useState(false);
  const path = `/api/domov/users/${user.id}`;
  const change = useChange(onClose);
  const reset = useMutation({ mutationFn: () => request<{ secret: string }>(`${path}/reset`, { method: "POST" }) });
  const patch = (body: object) => change.mutate(() => request(path, { method: "PATCH", body }));
  if (reset.data)
    return (
      <Dialog open onClose={onClose} title={t("users.resetTitle", { name: user.name })} text={t("links.madeText")}>
        <div className="pb-2">
          <Secret label={t("links.link")} value={addressOf(reset.data.secret)} />
        </div>
      </Dialog>
    );
  return (
    <Dialog open onClose={onClose} title={user.name}>
      <form
        className="flex flex-col gap-3 pb-2"
        onSubmit={(event) => {
          event.preventDefault();
          patch({ name, role, groups });
        }}
      >
        {(change.error ?? reset.error) && <ProblemBox error={change.error ?? reset.error} />}
        <TextField
          label={t("entry:login.name")}
          required
          maxLength={64}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <Select
          label={t("role.label")}
          value={role}
          options={(["user", "admin"] as const).map((value) => ({ value, label: t(`role.${value}`) }))}
          onChange={(event) => setRole(event.target.value)}
        />
        {role === "user" && <GroupChoice value={groups} onChange={setGroups} />}
        <div className="flex flex-wrap gap-2 border-t border-line pt-3">
          <Button small onClick={() => reset.mutate()}>
            {t("users.reset")}
          </Button>
          {user.totp && (
            <Button small onClick={() => change.mutate(() => request(`${path}/totp`, { method: "DELETE" }))}>
              {t("users.withoutTotp")}
            </Button>
          )}
          {!me && (
            <>
              <Button small onClick={() => patch({ disabled: user.disabled_at === null })}>
                {t(user.disabled_at === null ? "users.disable" : "users.enable")}
              </Button>
              <Button small look="danger" onClick={() => setAsking(true)}>
                {t("users.delete")}
              </Button>
            </>
          )}
        </div>
        <div className="flex justify-end">
          <Button look="primary" type="submit" disabled={change.isPending}>
            {t("frame:save")}
          </Button>
        </div>
      </form>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title={t("users.deleteTitle", { name: user.name })}
        text={t("users.deleteText")}
        action={t("users.delete")}
        danger
        onConfirm={() => change.mutate(() => request(path, { method: "DELETE" }))}
      />
    </Dialog>
  );
}

function useChange(onDone: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (change: () => Promise<unknown>) => change(),
    onSuccess: async () => {
      onDone();
      await client.invalidateQueries({ queryKey: ["people"] });
      await client.invalidateQueries({ queryKey: sessionQuery.queryKey });
    },
  });
}
