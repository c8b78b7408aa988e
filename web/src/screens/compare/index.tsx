import { Columns2, EyeOff, SquarePen, Trophy } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { Screen } from "@/app/Screen";
import { useShortcut } from "@/app/shortcuts";
import { Badge } from "@/components/Badge";
import { Button, IconButton } from "@/components/Button";
import { classes } from "@/components/classes";
import { Switch } from "@/components/Field";
import { EmptyState, ProblemBox, Skeleton } from "@/components/States";
import { AnswerBody } from "../chat/Answer";
import { CitedProvider } from "../chat/Cited";
import { Composer } from "../chat/Composer";
import type { Message } from "../chat/data/chats";
import { useLive } from "../chat/data/live";
import { firstModel, useChatModels } from "../chat/data/models";
import { Figures } from "../chat/Figures";
import { PendingQuestion } from "../chat/Question";
import { letter, type Turn } from "./columns";
import { type Comparison, EQUAL, useComparison } from "./useComparison";

const PATH = /^\/home\/compare\/([\w-]+)$/;
const MOST = 4;

export default function Compare() {
  const { t } = useTranslation("compare");
  const [location, go] = useLocation();
  const id = PATH.exec(location)?.[1] ?? null;
  const [chosen, setChosen] = useChosen();
  const [blind, setBlind] = useState(false);
  const comparison = useComparison(id, chosen, blind);
  const { composer, turns } = comparison;
  useShortcut("Escape", t("chat:stop"), () => (composer.running ? composer.actions.stop() : false), true);
  const title = composer.chat?.title || t("title");
  return (
    <Screen
      title={title}
      bare
      actions={id && <IconButton small icon={SquarePen} label={t("new")} onClick={() => go("/home/compare")} />}
    >
      <CitedProvider>
        {composer.error ? (
          <div className="flex-1 p-6">
            <ProblemBox error={composer.error} />
          </div>
        ) : composer.loading ? (
          <Skeleton lines={6} className="flex-1 p-6" />
        ) : turns.length || composer.pending ? (
          <Turns comparison={comparison} />
        ) : (
          <Setup chosen={chosen} blind={blind} onChosen={setChosen} onBlind={setBlind} />
        )}
        <Composer state={composer} />
      </CitedProvider>
    </Screen>
  );
}

/** Two models to begin with, where there are two. */
function useChosen(): [string[], (models: string[]) => void] {
  const models = useChatModels();
  const [chosen, setChosen] = useState<string[] | null>(null);
  if (chosen) return [chosen, setChosen];
  const first = firstModel(models);
  const second = models?.find((model) => model.id !== first)?.id;
  return [first && second ? [first, second] : [], setChosen];
}

function Setup(props: {
  chosen: string[];
  blind: boolean;
  onChosen: (models: string[]) => void;
  onBlind: (blind: boolean) => void;
}) {
  const { t } = useTranslation("compare");
  const models = useChatModels();
  if (!models) return <Skeleton className="flex-1 p-6" />;
  if (models.length < 2) {
    return (
      <div className="min-h-0 flex-1 overflow-y-auto">
        <EmptyState icon={Columns2} title={t("few.title")} text={t("few.text")} />
      </div>
    );
  }
  const turn = (id: string) =>
    props.onChosen(props.chosen.includes(id) ? props.chosen.filter((one) => one !== id) : [...props.chosen, id]);
  return (
    <div className="min-h-0 flex-1 overflow-y-auto">
      <div className="mx-auto flex min-h-full w-full max-w-[var(--read-width)] flex-col justify-end gap-5 px-6 pt-6 pb-8">
        <div>
          <h2 className="text-title">{t("greeting")}</h2>
          <p className="text-base text-text-2">{t("hint")}</p>
        </div>
        <fieldset className="flex flex-wrap gap-2">
          <legend className="mb-2 text-small font-medium text-text-2">{t("models", { most: MOST })}</legend>
          {models.map(({ id, quantization }) => {
            const on = props.chosen.includes(id);
            return (
              <label
                key={id}
                className={classes(
                  "flex h-9 items-center gap-2 rounded-base border px-3 text-base has-[:focus-visible]:outline-2 has-[:focus-visible]:outline-focus",
                  on ? "border-accent bg-accent-soft" : "border-line-strong text-text-2",
                )}
              >
                <input
                  type="checkbox"
                  checked={on}
                  disabled={!on && props.chosen.length >= MOST}
                  onChange={() => turn(id)}
                  className="accent-accent"
                />
                {id} <span className="text-small text-text-3">{quantization}</span>
              </label>
            );
          })}
        </fieldset>
        <div className="max-w-md">
          <Switch label={t("blind")} hint={t("blindHint")} checked={props.blind} onChange={props.onBlind} />
        </div>
        {props.chosen.length < 2 && <p className="text-small text-warn">{t("chooseTwo")}</p>}
      </div>
    </div>
  );
}

function Turns({ comparison }: { comparison: Comparison }) {
  const { t } = useTranslation("compare");
  const { composer, turns } = comparison;
  return (
    <section
      tabIndex={0}
      aria-label={t("title")}
      className="min-h-0 flex-1 overflow-y-auto px-4 pt-6 outline-offset-[-2px] sm:px-6"
    >
      <div className="mx-auto flex w-full max-w-[1600px] flex-col">
        {turns.map((turn, at) => (
          <OneTurn key={turn.question.id} turn={turn} number={at} comparison={comparison} />
        ))}
        {composer.pending && <PendingQuestion pending={composer.pending} />}
        {composer.failure !== null && <ProblemBox error={composer.failure} className="mb-4" />}
      </div>
    </section>
  );
}

function OneTurn({ turn, number, comparison }: { turn: Turn; number: number; comparison: Comparison }) {
  const { t } = useTranslation("compare");
  const { models, blind, votes } = comparison;
  const known = !blind || Object.keys(votes).length > 0;
  const done = turn.answers.every((answer) => answer && answer.status !== "running");
  return (
    <div className="pb-6">
      <div className="flex justify-end pb-3">
        <div className="max-w-[60ch] rounded-base bg-tint px-3.5 py-2 break-words whitespace-pre-wrap">
          {turn.question.content}
        </div>
      </div>
      <div className="grid snap-x snap-mandatory auto-cols-[minmax(min(300px,85vw),1fr)] grid-flow-col gap-3 overflow-x-auto pb-1">
        {models.map((model, at) => (
          <Column
            key={model}
            answer={turn.answers[at] ?? null}
            name={known ? model : t("column", { letter: letter(at) })}
            hidden={!known}
            won={votes[number] === model}
          />
        ))}
      </div>
      {done && <Vote models={models} number={number} comparison={comparison} known={known} />}
    </div>
  );
}

function Column({
  answer,
  name,
  hidden,
  won,
}: {
  answer: Message | null;
  name: string;
  hidden: boolean;
  won: boolean;
}) {
  const { t } = useTranslation("compare");
  return (
    <article
      aria-label={name}
      data-status={answer?.status}
      className={classes(
        "flex min-w-0 snap-start flex-col rounded-base border bg-raised px-4 py-3",
        won ? "border-accent" : "border-line",
      )}
    >
      <header className="mb-2 flex items-center gap-2 border-b border-line pb-2">
        <h2 className="min-w-0 flex-1 truncate text-small">{name}</h2>
        {hidden && <EyeOff size={15} aria-label={t("hidden")} className="text-text-3" />}
        {won && (
          <Badge tone="accent" icon={Trophy}>
            {t("better")}
          </Badge>
        )}
      </header>
      {answer && <Said message={answer} />}
      {answer && !hidden && answer.status !== "running" && (
        <div className="mt-auto pt-3">
          <Figures message={{ ...answer, model: null }} quiet={false} />
        </div>
      )}
    </article>
  );
}

function Said({ message }: { message: Message }) {
  const live = useLive(message.id);
  return (
    <>
      <AnswerBody message={message} live={live} />
      {message.error && (
        <ProblemBox
          error={new Error([message.error.message, message.error.hint].filter(Boolean).join(": "))}
          className="mt-2"
        />
      )}
    </>
  );
}

function Vote(props: { models: string[]; number: number; comparison: Comparison; known: boolean }) {
  const { t } = useTranslation("compare");
  const { votes, vote } = props.comparison;
  const voted = votes[props.number];
  return (
    <div className="mt-3 flex flex-wrap items-center justify-center gap-2">
      <span className="text-small text-text-2">
        {t(voted === undefined ? "which" : voted === EQUAL ? "equal" : "voted")}
      </span>
      {[...props.models, EQUAL].map((model, at) => (
        <Button
          key={model}
          small
          look="plain"
          aria-pressed={voted === model}
          className={voted === model ? "border-accent bg-accent-soft" : ""}
          onClick={() => vote(props.number, model)}
        >
          {model === EQUAL ? t("same") : props.known ? model : letter(at)}
        </Button>
      ))}
    </div>
  );
}
