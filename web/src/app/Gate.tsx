import { useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { type FormEvent, type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "@/api/client";
import { storedKey, storeKey } from "@/api/key";
import { offerQuery } from "@/api/server";
import { Button } from "@/components/Button";
import { TextField } from "@/components/Field";
import { ProblemBox, Skeleton } from "@/components/States";
import { Mark } from "./Mark";

/** Lets in who the server lets in; asks for a key where it wants one. */
export function Gate({ children }: { children: ReactNode }) {
  const { data, error, refetch } = useQuery(offerQuery);
  if (error instanceof Problem && error.status === 401) return <AskKey />;
  if (data || (error instanceof Problem && error.status === 0)) return children;
  return (
    <main className="mx-auto flex h-full max-w-md flex-col justify-center gap-4 px-6">
      {error ? <ProblemBox error={error} onRetry={refetch} /> : <Skeleton />}
    </main>
  );
}

function AskKey() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [key, setKey] = useState("");
  const [refused, setRefused] = useState(storedKey() !== "");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    storeKey(key.trim());
    setRefused(false);
    client.resetQueries().then(() => setRefused(true));
  };
  return (
    <main className="flex h-full items-center justify-center px-6">
      <form onSubmit={submit} className="flex w-full max-w-sm flex-col gap-4">
        <h1 className="flex items-center gap-2.5 text-title">
          <Mark size={30} /> Domov
        </h1>
        <TextField
          label={t("key.label")}
          hint={t("key.hint")}
          error={refused ? t("key.refused") : undefined}
          type="password"
          autoComplete="current-password"
          autoFocus
          required
          value={key}
          onChange={(event) => setKey(event.target.value)}
        />
        <Button look="primary" type="submit" icon={KeyRound}>
          {t("key.enter")}
        </Button>
      </form>
    </main>
  );
}
