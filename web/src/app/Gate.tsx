import { useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { type FormEvent, lazy, type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { Problem } from "@/api/client";
import { storedKey, storeKey } from "@/api/key";
import { covers, modelsQuery, offerQuery } from "@/api/server";
import { sessionQuery } from "@/api/session";
import { LOGGED_OUT } from "@/api/token";
import { Button } from "@/components/Button";
import { TextField } from "@/components/Field";
import { ProblemBox, Skeleton } from "@/components/States";
import { Mark } from "./Mark";

const Login = lazy(() => import("@/screens/entry/Login"));
const Invitation = lazy(() => import("@/screens/entry/Invitation"));
const Welcome = lazy(() => import("@/screens/entry/Welcome"));

/** Lets in who the server lets in: whoever has a link or logs in, shows a key, or sits at a computer of their own. */
export function Gate({ children }: { children: ReactNode }) {
  const { data, error, refetch } = useQuery(sessionQuery);
  const [link, setLink] = useState(takenFromAddress);
  useEffect(() => {
    const ask = () => void refetch();
    window.addEventListener(LOGGED_OUT, ask);
    return () => window.removeEventListener(LOGGED_OUT, ask);
  }, [refetch]);
  if (error instanceof Problem && error.status === 0 && !data) return children;
  if (!data) return <Waiting error={error} onRetry={refetch} />;
  if (link.invitation) return <Invitation secret={link.invitation} onLeave={() => setLink({})} />;
  if (data.mode === "people" && !data.user) return <Login session={data} failed={link.failed} />;
  return <Offered>{children}</Offered>;
}

function Offered({ children }: { children: ReactNode }) {
  const { data, error, refetch } = useQuery(offerQuery);
  const [location] = useLocation();
  const [left, setLeft] = useState(false);
  const first = data !== undefined && covers(data, "models") && location === "/" && !left;
  const models = useQuery({ ...modelsQuery, enabled: first });
  if (error instanceof Problem && error.status === 401) return <AskKey />;
  if (!data && !(error instanceof Problem && error.status === 0)) return <Waiting error={error} onRetry={refetch} />;
  if (first && models.isPending && !models.isError) return <Waiting error={null} onRetry={refetch} />;
  if (first && models.data?.length === 0) return <Welcome onLeave={() => setLeft(true)} />;
  return children;
}

function Waiting(props: { error: unknown; onRetry: () => void }) {
  return (
    <main aria-busy={!props.error} className="mx-auto flex h-full max-w-md flex-col justify-center gap-4 px-6">
      {props.error ? <ProblemBox error={props.error} onRetry={props.onRetry} /> : <Skeleton />}
    </main>
  );
}

interface Link {
  invitation?: string;
  failed?: string;
}

/** What stands behind the `#`, which no server hears; it does not stay in the address, nor in the history. */
function takenFromAddress(): Link {
  const values = new URLSearchParams(location.hash.slice(1));
  const invitation = values.get("invitation");
  const failed = values.get("login-failed");
  if (invitation || failed) history.replaceState(null, "", location.pathname);
  return { ...(invitation ? { invitation } : {}), ...(failed ? { failed } : {}) };
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
