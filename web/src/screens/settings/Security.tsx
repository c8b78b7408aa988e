import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { LogOut } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { sessionQuery, useSession } from "@/api/session";
import { moment } from "@/app/formats";
import { Badge } from "@/components/Badge";
import { Button } from "@/components/Button";
import { TextField } from "@/components/Field";
import { ProblemBox, Skeleton } from "@/components/States";
import { leave } from "@/screens/entry/entering";
import { NewPassword } from "@/screens/entry/NewPassword";
import { SecondFactor } from "./SecondFactor";
import { Section } from "./Section";

/** One's own account: password, second factor, where one is logged in. */
export default function Security() {
  const { t } = useTranslation("settings");
  const user = useSession()?.user;
  const out = useMutation({ mutationFn: leave });
  if (!user) return null;
  return (
    <>
      <Section
        title={user.name}
        text={t(`role.${user.role}`)}
        action={
          <Button icon={LogOut} onClick={() => out.mutate()}>
            {t("logOut")}
          </Button>
        }
      >
        {out.error && <ProblemBox error={out.error} />}
      </Section>
      <Password asksOld={user.password} />
      <SecondFactor on={user.totp} asksPassword={user.password} />
      <Sessions />
    </>
  );
}

function Password({ asksOld }: { asksOld: boolean }) {
  const { t } = useTranslation("settings");
  const client = useQueryClient();
  const [old, setOld] = useState("");
  const [wanted, setWanted] = useState("");
  const change = useMutation({
    mutationFn: () => request("/api/domov/session/password", { method: "POST", body: { old, new: wanted } }),
    onSuccess: () => {
      setOld("");
      setWanted("");
      return client.invalidateQueries();
    },
  });
  return (
    <Section title={t("password.title")} text={t("password.text")}>
      <form
        className="flex max-w-sm flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        {change.error && <ProblemBox error={change.error} />}
        {asksOld && (
          <TextField
            label={t("password.old")}
            type="password"
            autoComplete="current-password"
            required
            value={old}
            onChange={(event) => setOld(event.target.value)}
          />
        )}
        <NewPassword value={wanted} onChange={setWanted} />
        <div className="flex items-center gap-3">
          <Button type="submit" disabled={change.isPending}>
            {t("password.change")}
          </Button>
          {change.isSuccess && !wanted && (
            <p role="status" className="text-base text-good">
              {t("password.changed")}
            </p>
          )}
        </div>
      </form>
    </Section>
  );
}

interface OpenSession {
  id: string;
  created_at: number;
  used_at: number;
  address: string;
  agent: string;
  this: boolean;
}

function Sessions() {
  const { t } = useTranslation("settings");
  const client = useQueryClient();
  const sessions = useQuery({
    queryKey: ["sessions"],
    queryFn: async ({ signal }) =>
      (await request<{ sessions: OpenSession[] }>("/api/domov/sessions", { signal })).sessions,
  });
  const end = useMutation({
    mutationFn: (id: string) => request(`/api/domov/sessions${id && `/${id}`}`, { method: "DELETE" }),
    onSuccess: () => Promise.all([sessions.refetch(), client.invalidateQueries({ queryKey: sessionQuery.queryKey })]),
  });
  const others = (sessions.data?.length ?? 0) > 1;
  return (
    <Section
      title={t("sessions.title")}
      text={t("sessions.text")}
      action={
        others && (
          <Button onClick={() => end.mutate("")} disabled={end.isPending}>
            {t("sessions.others")}
          </Button>
        )
      }
    >
      {(sessions.error ?? end.error) && <ProblemBox error={sessions.error ?? end.error} />}
      {sessions.isPending && <Skeleton />}
      <ul className="flex flex-col divide-y divide-line rounded-base border border-line">
        {sessions.data?.map((one) => (
          <li key={one.id} className="flex items-center gap-3 px-3 py-2.5">
            <div className="min-w-0 flex-1">
              <p className="flex flex-wrap items-center gap-2 text-base">
                {browserOf(one.agent) || t("sessions.unknown")}
                {one.this && <Badge tone="good">{t("sessions.this")}</Badge>}
              </p>
              <p className="text-small text-text-3">
                {one.address} · {t("sessions.used", { when: moment(one.used_at) })}
              </p>
            </div>
            {!one.this && (
              <Button
                small
                onClick={() => end.mutate(one.id)}
                aria-label={`${t("sessions.end")}: ${browserOf(one.agent)}`}
              >
                {t("sessions.end")}
              </Button>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** "Firefox, Linux" of what a browser calls itself; as far as one can tell. */
function browserOf(agent: string): string {
  const browser = ["Edg", "Firefox", "Chrome", "Safari"].find((name) => agent.includes(name));
  const system = ["Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux"].find((name) => agent.includes(name));
  return [browser === "Edg" ? "Edge" : browser, system].filter(Boolean).join(", ") || agent.slice(0, 60);
}
