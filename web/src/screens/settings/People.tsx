import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { MailPlus, Plus, UserPlus, Users } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { type Used, type User, useSession } from "@/api/session";
import { moment, number } from "@/app/formats";
import { Badge } from "@/components/Badge";
import { Button } from "@/components/Button";
import { EmptyState, ProblemBox, Skeleton } from "@/components/States";
import { FirstAdmin } from "@/screens/entry/FirstAdmin";
import { type Group, GroupDialog } from "./GroupDialog";
import { InviteDialog } from "./InviteDialog";
import { useLimitWords } from "./Limits";
import { Section } from "./Section";
import { UserDialog } from "./UserDialog";

export type Account = User & { today: Used; month: Used };

interface Invitation {
  id: string;
  kind: "invitation" | "reset";
  note: string;
  role: string;
  expires_at: number;
  used_at: number | null;
}

const PATHS = { users: "/api/domov/users", groups: "/api/domov/groups", invitations: "/api/domov/invitations" };

/** Accounts, groups and links that wait to be used. */
export default function People() {
  const { t } = useTranslation("settings");
  const [begins, setBegins] = useState(false);
  if (useSession()?.mode === "people")
    return (
      <>
        <Accounts />
        <Groups />
        <Invitations />
      </>
    );
  return (
    <>
      <EmptyState
        icon={Users}
        title={t("people.none")}
        text={t("people.noneText")}
        action={
          <Button look="primary" icon={UserPlus} onClick={() => setBegins(true)}>
            {t("people.begin")}
          </Button>
        }
      />
      <FirstAdmin open={begins} onClose={() => setBegins(false)} />
    </>
  );
}

export function useGroups() {
  return useQuery({
    queryKey: ["people", "groups"],
    queryFn: async ({ signal }) => (await request<{ groups: Group[] }>(PATHS.groups, { signal })).groups,
  });
}

function Accounts() {
  const { t } = useTranslation("settings");
  const [inviting, setInviting] = useState(false);
  const [chosen, setChosen] = useState<Account | null>(null);
  const users = useQuery({
    queryKey: ["people", "users"],
    queryFn: async ({ signal }) => (await request<{ users: Account[] }>(PATHS.users, { signal })).users,
  });
  const names = new Map(useGroups().data?.map((group) => [group.id, group.name]));
  return (
    <Section
      title={t("people.title")}
      text={t("people.text")}
      action={
        <Button look="primary" icon={MailPlus} onClick={() => setInviting(true)}>
          {t("people.invite")}
        </Button>
      }
    >
      {users.error && <ProblemBox error={users.error} onRetry={users.refetch} />}
      {users.isPending && <Skeleton />}
      <ul className="flex flex-col divide-y divide-line rounded-base border border-line">
        {users.data?.map((user) => (
          <li key={user.id} className="flex flex-wrap items-center gap-3 px-3 py-2.5">
            <div className="min-w-0 flex-1 basis-56">
              <p className="flex flex-wrap items-center gap-2 text-base">
                <span className="break-all">{user.name}</span>
                {user.role === "admin" && <Badge tone="accent">{t("role.admin")}</Badge>}
                {user.disabled_at !== null && <Badge tone="bad">{t("people.disabled")}</Badge>}
                {user.groups.map((id) => (
                  <Badge key={id}>{names.get(id) ?? id}</Badge>
                ))}
              </p>
              <p className="text-small text-text-3">
                {t("keys.used", { tokens: number(user.today.tokens), month: number(user.month.tokens) })} ·{" "}
                {user.last_login_at ? t("people.last", { when: moment(user.last_login_at) }) : t("people.never")}
              </p>
            </div>
            <Button small onClick={() => setChosen(user)} aria-label={`${t("people.change")}: ${user.name}`}>
              {t("people.change")}
            </Button>
          </li>
        ))}
      </ul>
      {inviting && <InviteDialog onClose={() => setInviting(false)} />}
      {chosen && <UserDialog user={chosen} onClose={() => setChosen(null)} />}
    </Section>
  );
}

function Groups() {
  const { t } = useTranslation("settings");
  const limitsOf = useLimitWords();
  const [open, setOpen] = useState<Group | "new" | null>(null);
  const groups = useGroups();
  return (
    <Section
      title={t("groups.title")}
      text={t("groups.text")}
      action={
        <Button icon={Plus} onClick={() => setOpen("new")}>
          {t("groups.new")}
        </Button>
      }
    >
      {groups.error && <ProblemBox error={groups.error} onRetry={groups.refetch} />}
      <ul className="flex flex-col divide-y divide-line rounded-base border border-line">
        {groups.data?.map((group) => (
          <li key={group.id} className="flex items-center gap-3 px-3 py-2.5">
            <div className="min-w-0 flex-1">
              <p className="flex flex-wrap items-center gap-2 text-base">
                <span className="break-all">{group.id === "everyone" ? t("groups.everyone") : group.name}</span>
                <Badge>{t(`scope.${group.scope}`)}</Badge>
              </p>
              <p className="text-small break-words text-text-3">
                {[group.models.join(", ") || t("limits.all"), ...limitsOf(group)].join(" · ")}
              </p>
            </div>
            <Button small onClick={() => setOpen(group)} aria-label={`${t("people.change")}: ${group.name}`}>
              {t("people.change")}
            </Button>
          </li>
        ))}
      </ul>
      {open && <GroupDialog group={open === "new" ? null : open} onClose={() => setOpen(null)} />}
    </Section>
  );
}

function Invitations() {
  const { t } = useTranslation("settings");
  const client = useQueryClient();
  const links = useQuery({
    queryKey: ["people", "invitations"],
    queryFn: async ({ signal }) =>
      (await request<{ invitations: Invitation[] }>(PATHS.invitations, { signal })).invitations,
  });
  const withdraw = useMutation({
    mutationFn: (id: string) => request(`${PATHS.invitations}/${id}`, { method: "DELETE" }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["people"] }),
  });
  const open = links.data?.filter((link) => link.used_at === null && link.expires_at * 1000 > Date.now()) ?? [];
  if (!open.length) return links.error ? <ProblemBox error={links.error} /> : null;
  return (
    <Section title={t("links.title")} text={t("links.text")}>
      {withdraw.error && <ProblemBox error={withdraw.error} />}
      <ul className="flex flex-col divide-y divide-line rounded-base border border-line">
        {open.map((link) => (
          <li key={link.id} className="flex items-center gap-3 px-3 py-2.5">
            <div className="min-w-0 flex-1">
              <p className="text-base break-words">{link.note || t("links.nobody")}</p>
              <p className="text-small text-text-3">
                {t(`links.${link.kind}`)} · {t("keys.until", { day: moment(link.expires_at) })}
              </p>
            </div>
            <Button small onClick={() => withdraw.mutate(link.id)} aria-label={`${t("links.withdraw")}: ${link.note}`}>
              {t("links.withdraw")}
            </Button>
          </li>
        ))}
      </ul>
    </Section>
  );
}
