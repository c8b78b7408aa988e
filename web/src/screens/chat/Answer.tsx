import { Check, Copy, GitFork, Pencil, Play, RefreshCw, Scissors, Trash2, WifiOff } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button, IconButton } from "@/components/Button";
import { Confirm } from "@/components/Dialog";
import { Menu, MenuItem, MenuLabel } from "@/components/Menu";
import { Progress } from "@/components/Meter";
import { Markdown } from "@/components/markdown/Markdown";
import { ProblemBox } from "@/components/States";
import { useCopy } from "@/components/useCopy";
import { AnswerEditor } from "./AnswerEditor";
import { Branches } from "./Branches";
import { Citations, Sources } from "./Cited";
import type { Message, Progress as Step_ } from "./data/chats";
import { type Live, useLive } from "./data/live";
import { useChatModels } from "./data/models";
import type { Step } from "./data/tree";
import type { ChatActions } from "./data/useChat";
import { Figures } from "./Figures";
import { Reasoning } from "./Reasoning";

/** What a model answered: plain text on the page, with what it thought, its sources and its figures around it. */
export function Answer({ step, last, actions }: { step: Step; last: boolean; actions: ChatActions }) {
  const { t } = useTranslation("chat");
  const { message } = step;
  const live = useLive(message.id);
  const [editing, setEditing] = useState(false);
  const running = message.status === "running";
  return (
    <article
      aria-label={t("answerOf", { model: message.model ?? "" })}
      aria-busy={running}
      data-message={message.id}
      data-status={message.status}
      className="group pb-5"
    >
      <AnswerBody
        message={message}
        live={live}
        editing={editing}
        onEdited={() => setEditing(false)}
        actions={actions}
      />
      {!running && !editing && <How message={message} actions={actions} last={last} />}
      <div className="mt-1.5 flex min-h-8 flex-wrap items-center gap-x-1">
        {!running && (
          <div
            className={
              last
                ? ROW
                : `${ROW} opacity-0 group-hover:opacity-100 group-focus-within:opacity-100 pointer-coarse:opacity-100`
            }
          >
            <Tools message={message} actions={actions} onEdit={() => setEditing(true)} />
          </div>
        )}
        <Branches step={step} onTurn={actions.turnTo} />
        {!running && <Figures message={message} quiet={!last} />}
      </div>
    </article>
  );
}

const ROW = "-ml-2 flex items-center transition-opacity duration-100";

/** The answer itself, without what can be done with it: also a column of a comparison. */
export function AnswerBody(props: {
  message: Message;
  live: Live | null;
  editing?: boolean;
  onEdited?: () => void;
  actions?: ChatActions;
}) {
  const { t } = useTranslation("chat");
  const { message, live } = props;
  const running = message.status === "running";
  const text = live?.text ?? message.content;
  const reasoning = live?.reasoning ?? message.reasoning ?? "";
  return (
    <>
      {message.overflow && message.overflow.messages.length > 0 && (
        <p className="mb-2 flex items-center gap-2 text-small text-warn">
          <Scissors size={14} aria-hidden className="shrink-0" />
          {t("dropped", { count: message.overflow.messages.length })}
        </p>
      )}
      {reasoning && <Reasoning text={reasoning} live={running && !text} />}
      {running && !text && !reasoning && <Waiting progress={live?.progress ?? message.progress ?? null} />}
      {props.editing && props.actions ? (
        <AnswerEditor message={message} actions={props.actions} onClose={props.onEdited ?? (() => undefined)} />
      ) : (
        text && (
          <Citations references={message.references}>
            <Markdown text={text} live={running} />
          </Citations>
        )
      )}
      {live?.away && (
        <p role="status" className="mt-2 flex items-center gap-2 text-small text-warn">
          <WifiOff size={14} aria-hidden /> {t("away")}
        </p>
      )}
      <Sources message={message} />
    </>
  );
}

/** What a model does before its first word. */
function Waiting({ progress }: { progress: Step_ | null }) {
  const { t } = useTranslation("chat");
  const stage = progress?.stage === "loading" ? "loading" : progress?.stage === "reading" ? "reading" : "waiting";
  const share = progress && progress.fraction > 0 ? progress.fraction : null;
  return (
    <div role="status" className="flex h-7 max-w-64 items-center gap-3 text-small text-text-3">
      <span className="shrink-0">{t(`stage.${stage}`)}</span>
      <Progress label={t(`stage.${stage}`)} share={share} />
    </div>
  );
}

/** How it ended, where that was not as it should be. */
function How({ message, actions, last }: { message: Message; actions: ChatActions; last: boolean }) {
  const { t } = useTranslation("chat");
  const goOn = (
    <Button small icon={Play} onClick={() => actions.goOn(message)}>
      {t("continue")}
    </Button>
  );
  if (message.status === "failed") {
    const { message: what = "", hint = "" } = message.error ?? {};
    const again = (
      <Button small icon={RefreshCw} onClick={() => actions.regenerate(message)}>
        {t("again")}
      </Button>
    );
    return (
      <ProblemBox
        error={new Error([what, hint].filter(Boolean).join(": "))}
        action={last ? again : undefined}
        className="mt-2"
      />
    );
  }
  const why =
    message.status === "interrupted"
      ? "interrupted"
      : message.status === "stopped"
        ? "stopped"
        : message.finish_reason === "length"
          ? "length"
          : null;
  if (!why) return null;
  return (
    <div className="mt-2 flex flex-wrap items-center gap-3 text-small text-text-2">
      <span>{t(`ended.${why}`)}</span>
      {last && message.content && goOn}
    </div>
  );
}

function Tools({ message, actions, onEdit }: { message: Message; actions: ChatActions; onEdit: () => void }) {
  const { t } = useTranslation("chat");
  const models = useChatModels() ?? [];
  const [copied, copy] = useCopy();
  const [removing, setRemoving] = useState(false);
  return (
    <>
      <IconButton
        small
        icon={copied ? Check : Copy}
        label={t(copied ? "copied" : "copy")}
        onClick={() => copy(message.content)}
      />
      {models.length > 1 ? (
        <Menu trigger={<IconButton small icon={RefreshCw} label={t("regenerate")} />}>
          <MenuLabel>{t("regenerateWith")}</MenuLabel>
          {models.map((model) => (
            <MenuItem
              key={model.id}
              checked={model.id === message.model}
              onSelect={() => actions.regenerate(message, model.id)}
            >
              {model.id}
            </MenuItem>
          ))}
        </Menu>
      ) : (
        <IconButton small icon={RefreshCw} label={t("regenerate")} onClick={() => actions.regenerate(message)} />
      )}
      <IconButton small icon={Pencil} label={t("editAnswer")} onClick={onEdit} />
      <IconButton small icon={GitFork} label={t("fork")} onClick={() => actions.fork(message)} />
      <IconButton small icon={Trash2} label={t("deleteFromHere")} onClick={() => setRemoving(true)} />
      <Confirm
        open={removing}
        onClose={() => setRemoving(false)}
        title={t("deleteFromHere")}
        text={t("deleteFromHereText")}
        action={t("delete")}
        danger
        onConfirm={() => actions.remove(message)}
      />
    </>
  );
}
