import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Download, Languages, Sparkles, Users, Zap } from "lucide-react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { modelsQuery, useOffer } from "@/api/server";
import { useSession } from "@/api/session";
import { bytes, number, percent } from "@/app/formats";
import { Mark } from "@/app/Mark";
import { Button } from "@/components/Button";
import { Progress } from "@/components/Meter";
import { ProblemBox, Skeleton } from "@/components/States";
import { type Choice, type Offer, pace, threeOf } from "./choosing";
import { FirstAdmin } from "./FirstAdmin";
import { type Pulled, pull } from "./pulling";

interface MachineAnswer {
  cpu: string;
  cores: number;
  ram_bytes: number;
  gpus: { name: string; total_bytes?: number }[];
  disk: { free_bytes: number } | null;
}

const ICONS = { best: Sparkles, languages: Languages, quick: Zap };

/** What should I use here? This computer in one sentence, three models that run on it, one button. */
export default function Welcome({ onLeave }: { onLeave: () => void }) {
  const { t } = useTranslation("entry");
  const session = useSession();
  const offline = useOffer()?.offline ?? false;
  const fetching = useFetching(onLeave);
  const [others, setOthers] = useState(false);
  const machine = useQuery({
    queryKey: ["machine"],
    queryFn: ({ signal }) => request<MachineAnswer>("/api/domov/machine", { signal }),
  });
  const fit = useQuery({
    queryKey: ["fit"],
    queryFn: ({ signal }) => request<{ offers: Offer[] }>("/api/domov/fit", { signal }),
  });
  const problem = machine.error ?? fit.error;
  return (
    <main className="h-full overflow-y-auto">
      <div className="mx-auto flex w-full max-w-3xl flex-col gap-6 px-5 py-10 sm:py-16">
        <header className="flex flex-col gap-3">
          <p className="flex items-center gap-2.5 text-base font-semibold">
            <Mark size={26} /> Domov
          </p>
          <h1 className="text-title">{t("welcome.title")}</h1>
          {machine.data ? <Sentence machine={machine.data} /> : <Skeleton lines={1} />}
        </header>
        {problem && <ProblemBox error={problem} onRetry={() => fit.refetch()} />}
        {offline && <p className="rounded-base bg-warn-soft px-3 py-2 text-base">{t("welcome.offline")}</p>}
        {fetching.error && <ProblemBox error={fetching.error} />}
        {fit.data && (
          <ul className="grid gap-3 sm:grid-cols-3">
            {threeOf(fit.data.offers).map((choice) => (
              <Model key={choice.role} choice={choice} fetching={fetching} />
            ))}
          </ul>
        )}
        <div className="flex flex-wrap items-center gap-3">
          {session?.mode === "single" && (
            <Button icon={Users} onClick={() => setOthers(true)}>
              {t("welcome.others")}
            </Button>
          )}
          <Button look="quiet" onClick={onLeave}>
            {t("welcome.later")}
          </Button>
        </div>
      </div>
      <FirstAdmin open={others} onClose={() => setOthers(false)} />
    </main>
  );
}

function Sentence({ machine }: { machine: MachineAnswer }) {
  const { t } = useTranslation("entry");
  const card = machine.gpus[0];
  const parts = {
    cpu: machine.cpu,
    cores: t("welcome.cores", { count: machine.cores }),
    memory: bytes(machine.ram_bytes),
    graphics: card ? card.name : t("welcome.noGraphics"),
    disk: machine.disk ? bytes(machine.disk.free_bytes) : "?",
  };
  return <p className="text-read text-text-2">{t("welcome.machine", parts)}</p>;
}

type Fetching = ReturnType<typeof useFetching>;

function useFetching(onDone: () => void) {
  const client = useQueryClient();
  const [pulled, setPulled] = useState<Pulled | null>(null);
  const ending = useRef<AbortController>(null);
  const fetching = useMutation({
    mutationFn: async (name: string) => {
      ending.current = new AbortController();
      await pull(name, setPulled, ending.current.signal);
    },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: modelsQuery.queryKey });
      onDone();
    },
    onSettled: () => setPulled(null),
  });
  return {
    name: fetching.isPending ? fetching.variables : null,
    error: ending.current?.signal.aborted ? null : fetching.error,
    pulled,
    begin: (name: string) => fetching.mutate(name),
    stop: () => ending.current?.abort(),
  };
}

function Model({ choice, fetching }: { choice: Choice; fetching: Fetching }) {
  const { t } = useTranslation("entry");
  const { entry, plan } = choice.offer;
  const Icon = ICONS[choice.role];
  const felt = pace(choice.offer);
  const mine = fetching.name === entry.name;
  const speed = plan.speed?.answer;
  return (
    <li className="flex flex-col gap-2 rounded-base border border-line bg-raised p-4">
      <p className="flex items-center gap-2 text-small text-accent-text">
        <Icon size={15} aria-hidden /> {t(`welcome.role.${choice.role}`)}
      </p>
      <h2 className="text-read font-medium break-words">{entry.name}</h2>
      <p className="text-small text-text-2">{t(`welcome.good.${choice.role}`)}</p>
      <dl className="mt-1 grid grid-cols-[auto_1fr] gap-x-3 gap-y-0.5 text-small">
        <dt className="text-text-3">{t("welcome.download")}</dt>
        <dd className="tabular text-right">{bytes(entry.download_bytes)}</dd>
        <dt className="text-text-3">{t("welcome.memory")}</dt>
        <dd className="tabular text-right">{bytes(plan.needed_bytes)}</dd>
        {felt && speed && (
          <>
            <dt className="text-text-3">{t("welcome.speed")}</dt>
            <dd className="text-right">
              {t(`welcome.pace.${felt}`)}{" "}
              <span className="tabular whitespace-nowrap text-text-3">
                {number(speed.low, { maximumSignificantDigits: 2 })}–
                {number(speed.high, { maximumSignificantDigits: 2 })} {t("welcome.tokens")}
              </span>
            </dd>
          </>
        )}
      </dl>
      <div className="mt-auto flex flex-col gap-2 pt-3">
        {mine && (
          <>
            <Progress label={t("welcome.progress", { name: entry.name })} share={fetching.pulled?.share ?? null} />
            <p role="status" className="tabular text-small text-text-3">
              {fetching.pulled?.share == null
                ? t("welcome.preparing")
                : `${percent(fetching.pulled.share)} · ${bytes(fetching.pulled.doneBytes)}`}
            </p>
          </>
        )}
        {mine ? (
          <Button small onClick={fetching.stop}>
            {t("welcome.stop")}
          </Button>
        ) : (
          <Button
            look={choice.role === "best" ? "primary" : "plain"}
            icon={Download}
            disabled={fetching.name !== null}
            onClick={() => fetching.begin(entry.name)}
            aria-label={t("welcome.take", { name: entry.name })}
          >
            {t("welcome.use")}
          </Button>
        )}
      </div>
    </li>
  );
}
