import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { sessionQuery } from "@/api/session";
import { Badge } from "@/components/Badge";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { TextField } from "@/components/Field";
import { Secret } from "@/components/Secret";
import { ProblemBox } from "@/components/States";
import { Section } from "./Section";

interface Begun {
  secret: string;
  address: string;
  picture: string;
}

/** Codes of an app on the telephone. */
export function SecondFactor({ on, asksPassword }: { on: boolean; asksPassword: boolean }) {
  const { t } = useTranslation("settings");
  const [open, setOpen] = useState(false);
  const left = useQuery({
    queryKey: ["sessions", "codes"],
    queryFn: async () => (await request<{ recovery_codes_left: number }>("/api/domov/sessions")).recovery_codes_left,
    enabled: on,
  });
  return (
    <Section
      title={t("totp.title")}
      text={t("totp.text")}
      action={<Button onClick={() => setOpen(true)}>{t(on ? "totp.turnOff" : "totp.turnOn")}</Button>}
    >
      <p className="flex flex-wrap items-center gap-2 text-base">
        <Badge tone={on ? "good" : "quiet"}>{t(on ? "totp.on" : "totp.off")}</Badge>
        {on && left.data !== undefined && (
          <span className="text-small text-text-3">{t("totp.left", { count: left.data })}</span>
        )}
      </p>
      {open &&
        (on ? (
          <TurnOff asksPassword={asksPassword} onClose={() => setOpen(false)} />
        ) : (
          <TurnOn asksPassword={asksPassword} onClose={() => setOpen(false)} />
        ))}
    </Section>
  );
}

interface Props {
  asksPassword: boolean;
  onClose: () => void;
}

function TurnOn({ asksPassword, onClose }: Props) {
  const { t } = useTranslation("settings");
  const client = useQueryClient();
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const begin = useMutation({
    mutationFn: () => request<Begun>("/api/domov/session/totp", { method: "POST", body: { password } }),
  });
  const finish = useMutation({
    mutationFn: () =>
      request<{ recovery_codes: string[] }>("/api/domov/session/totp", {
        method: "PUT",
        body: { secret: begin.data?.secret, code },
      }),
  });
  const close = () => {
    onClose();
    if (finish.isSuccess) client.invalidateQueries({ queryKey: sessionQuery.queryKey });
  };
  const step = finish.data ? "codes" : begin.data ? "picture" : "password";
  return (
    <Dialog open onClose={close} title={t("totp.title")} text={t(`totp.step.${step}`)}>
      <form
        className="flex flex-col gap-3 pb-2"
        onSubmit={(event) => {
          event.preventDefault();
          if (step === "password") begin.mutate();
          else if (step === "picture") finish.mutate();
          else close();
        }}
      >
        {(begin.error ?? finish.error) && <ProblemBox error={begin.error ?? finish.error} />}
        {step === "password" && asksPassword && <Ask value={password} onChange={setPassword} />}
        {step === "picture" && begin.data && (
          <>
            <img
              src={`data:image/svg+xml;base64,${btoa(withNamespace(begin.data.picture))}`}
              alt={t("totp.picture")}
              className="mx-auto size-52 rounded-base bg-[white] p-2"
            />
            <Secret label={t("totp.secret")} value={begin.data.secret} />
            <TextField
              label={t("totp.code")}
              inputMode="numeric"
              autoComplete="one-time-code"
              required
              value={code}
              onChange={(event) => setCode(event.target.value)}
            />
          </>
        )}
        {finish.data && (
          <ul className="tabular grid grid-cols-2 gap-1 rounded-base bg-side p-3 font-mono text-small">
            {finish.data.recovery_codes.map((one) => (
              <li key={one}>{one}</li>
            ))}
          </ul>
        )}
        <div className="flex justify-end">
          <Button look="primary" type="submit" disabled={begin.isPending || finish.isPending}>
            {t(step === "codes" ? "totp.kept" : "totp.next")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function TurnOff({ asksPassword, onClose }: Props) {
  const { t } = useTranslation("settings");
  const client = useQueryClient();
  const [password, setPassword] = useState("");
  const off = useMutation({
    mutationFn: () => request("/api/domov/session/totp", { method: "DELETE", body: { password } }),
    onSuccess: () => {
      onClose();
      return client.invalidateQueries({ queryKey: sessionQuery.queryKey });
    },
  });
  return (
    <Dialog open onClose={onClose} title={t("totp.turnOff")} text={t("totp.step.off")}>
      <form
        className="flex flex-col gap-3 pb-2"
        onSubmit={(event) => {
          event.preventDefault();
          off.mutate();
        }}
      >
        {off.error && <ProblemBox error={off.error} />}
        {asksPassword && <Ask value={password} onChange={setPassword} />}
        <div className="flex justify-end">
          <Button look="danger" type="submit" disabled={off.isPending}>
            {t("totp.turnOff")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Ask({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { t } = useTranslation("settings");
  return (
    <TextField
      label={t("password.yours")}
      type="password"
      autoComplete="current-password"
      autoFocus
      required
      value={value}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}

/** An SVG that stands by itself names what it is; it is shown as a picture, in which nothing can run. */
function withNamespace(svg: string): string {
  return svg.includes("xmlns") ? svg : svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"');
}
