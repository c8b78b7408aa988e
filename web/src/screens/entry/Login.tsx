import { useMutation } from "@tanstack/react-query";
import { LogIn } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem, request } from "@/api/client";
import type { Session } from "@/api/session";
import { Button } from "@/components/Button";
import { TextField } from "@/components/Field";
import { ProblemBox } from "@/components/States";
import { Card } from "./Card";
import { entered } from "./entering";

type Answer = Session | { needs: "code" };

/** Name and password, then a code where a second factor is on; or another login. */
export default function Login({ session, failed }: { session: Session; failed?: string | undefined }) {
  const { t } = useTranslation("entry");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [asksCode, setAsksCode] = useState(false);
  const login = useMutation({
    mutationFn: () => request<Answer>("/api/domov/session", { method: "POST", body: { name, password, code } }),
    onSuccess: (answer) => ("needs" in answer ? setAsksCode(true) : entered(answer)),
  });
  const problem = login.error ?? (failed && !login.isSuccess ? new Problem(failed, 401) : null);
  return (
    <Card title={t("login.title")} onSubmit={() => login.mutate()}>
      {problem && <ProblemBox error={problem} />}
      {asksCode ? (
        <TextField
          label={t("login.code")}
          hint={t("login.codeHint")}
          autoComplete="one-time-code"
          inputMode="text"
          autoFocus
          required
          value={code}
          onChange={(event) => setCode(event.target.value)}
        />
      ) : (
        <>
          <TextField
            label={t("login.name")}
            autoComplete="username"
            autoCapitalize="none"
            autoFocus
            required
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
          <TextField
            label={t("login.password")}
            type="password"
            autoComplete="current-password"
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        </>
      )}
      <Button look="primary" type="submit" icon={LogIn} disabled={login.isPending}>
        {t("login.enter")}
      </Button>
      {session.oidc && (
        <a
          href="/api/domov/oidc/start"
          className="inline-flex h-9 items-center justify-center rounded-base border border-line-strong px-4 text-base hover:bg-hover"
        >
          {session.oidc}
        </a>
      )}
    </Card>
  );
}
