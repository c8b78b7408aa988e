import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import type { Session } from "@/api/session";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { TextField } from "@/components/Field";
import { ProblemBox } from "@/components/States";
import { entered } from "./entering";
import { NewPassword } from "./NewPassword";

/** The first account: from then on everybody logs in. */
export function FirstAdmin({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation("entry");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const make = useMutation({
    mutationFn: () => request<Session>("/api/domov/setup", { method: "POST", body: { name, password } }),
    onSuccess: (session) => {
      entered(session);
      onClose();
    },
  });
  return (
    <Dialog open={open} onClose={onClose} title={t("first.title")} text={t("first.text")}>
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate();
        }}
      >
        {make.error && <ProblemBox error={make.error} />}
        <TextField
          label={t("login.name")}
          autoComplete="username"
          autoCapitalize="none"
          required
          maxLength={64}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <NewPassword value={password} onChange={setPassword} />
        <div className="flex justify-end pt-1 pb-2">
          <Button look="primary" type="submit" disabled={make.isPending}>
            {t("first.make")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
