import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import type { Session } from "@/api/session";
import { Button } from "@/components/Button";
import { TextField } from "@/components/Field";
import { ProblemBox, Skeleton } from "@/components/States";
import { Card } from "./Card";
import { entered } from "./entering";
import { NewPassword } from "./NewPassword";

interface Found {
  kind: "invitation" | "reset";
  name: string | null;
  note: string;
  expires_at: number;
}

/** A link that was opened: for an account of one's own, or a new password. */
export default function Invitation({ secret, onLeave }: { secret: string; onLeave: () => void }) {
  const { t } = useTranslation("entry");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const found = useQuery({
    queryKey: ["invitation", secret],
    queryFn: () => request<Found>("/api/domov/invitation", { method: "POST", body: { secret } }),
  });
  const accept = useMutation({
    mutationFn: () =>
      request<Session | { needs: "login" }>("/api/domov/invitation/accept", {
        method: "POST",
        body: { secret, name, password },
      }),
    onSuccess: (answer) => {
      if (!("needs" in answer)) entered(answer);
      onLeave();
    },
  });
  if (found.error)
    return (
      <Card title={t("invitation.over")} onSubmit={onLeave}>
        <ProblemBox error={found.error} />
        <Button type="submit">{t("invitation.leave")}</Button>
      </Card>
    );
  if (!found.data) return <Skeleton className="p-6" />;
  const resets = found.data.kind === "reset";
  return (
    <Card
      title={resets ? t("invitation.reset", { name: found.data.name }) : t("invitation.title")}
      text={resets ? undefined : t("invitation.text")}
      onSubmit={() => accept.mutate()}
    >
      {accept.error && <ProblemBox error={accept.error} />}
      {!resets && (
        <TextField
          label={t("login.name")}
          hint={t("invitation.nameHint")}
          autoComplete="username"
          autoCapitalize="none"
          autoFocus
          required
          maxLength={64}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
      )}
      <NewPassword value={password} onChange={setPassword} />
      <Button look="primary" type="submit" disabled={accept.isPending}>
        {resets ? t("invitation.set") : t("invitation.make")}
      </Button>
    </Card>
  );
}
