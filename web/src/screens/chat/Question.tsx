import { Check, Copy, GitFork, Pencil, Trash2 } from "lucide-react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button, IconButton } from "@/components/Button";
import { Confirm } from "@/components/Dialog";
import { useCopy } from "@/components/useCopy";
import { Attached } from "./Attached";
import { Branches } from "./Branches";
import type { Message } from "./data/chats";
import type { Step } from "./data/tree";
import type { ChatActions, Pending } from "./data/useChat";
import { useEditing } from "./editing";

const BUBBLE = "max-w-[min(60ch,85%)] rounded-base bg-tint px-3.5 py-2 whitespace-pre-wrap break-words";

/** What a person asked: at the right, tinted, exactly as it was written. */
export function Question({ step, actions }: { step: Step; actions: ChatActions }) {
  const { t } = useTranslation("chat");
  const { message } = step;
  const editing = useEditing();
  return (
    <article aria-label={t("you")} data-message={message.id} className="group flex flex-col items-end pb-5">
      {editing.id === message.id ? (
        <Editor message={message} actions={actions} onClose={() => editing.edit(null)} />
      ) : (
        <>
          <Attached attachments={message.attachments} />
          {message.content && <div className={BUBBLE}>{message.content}</div>}
          <Row step={step} actions={actions} onEdit={() => editing.edit(message.id)} />
        </>
      )}
    </article>
  );
}

export function PendingQuestion({ pending }: { pending: Pending }) {
  return (
    <div className="flex flex-col items-end pb-5 opacity-70">
      <Attached attachments={pending.attachments} />
      {pending.content && <div className={BUBBLE}>{pending.content}</div>}
    </div>
  );
}

function Row({ step, actions, onEdit }: { step: Step; actions: ChatActions; onEdit: () => void }) {
  const { t } = useTranslation("chat");
  const { message } = step;
  const [copied, copy] = useCopy();
  const [removing, setRemoving] = useState(false);
  return (
    <div className="mt-1 flex h-8 items-center">
      <div className="flex items-center opacity-0 transition-opacity duration-100 group-hover:opacity-100 group-focus-within:opacity-100 pointer-coarse:opacity-100">
        <IconButton small icon={Pencil} label={t("edit")} onClick={onEdit} />
        <IconButton
          small
          icon={copied ? Check : Copy}
          label={t(copied ? "copied" : "copy")}
          onClick={() => copy(message.content)}
        />
        <IconButton small icon={GitFork} label={t("fork")} onClick={() => actions.fork(message)} />
        <IconButton small icon={Trash2} label={t("deleteFromHere")} onClick={() => setRemoving(true)} />
      </div>
      <Branches step={step} onTurn={actions.turnTo} />
      <Confirm
        open={removing}
        onClose={() => setRemoving(false)}
        title={t("deleteFromHere")}
        text={t("deleteFromHereText")}
        action={t("delete")}
        danger
        onConfirm={() => actions.remove(message)}
      />
    </div>
  );
}

function Editor({ message, actions, onClose }: { message: Message; actions: ChatActions; onClose: () => void }) {
  const { t } = useTranslation("chat");
  const [text, setText] = useState(message.content);
  const sent = useRef(false);
  const send = async () => {
    if (sent.current || !text.trim()) return;
    sent.current = true;
    onClose();
    await actions.askAgain(message, text);
  };
  return (
    <div className="w-full rounded-base border border-line-strong bg-raised p-2">
      <textarea
        // biome-ignore lint/a11y/noAutofocus: it was opened to write in it
        autoFocus
        aria-label={t("editQuestion")}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onFocus={(event) => event.target.setSelectionRange(text.length, text.length)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) send();
          else if (event.key === "Escape") onClose();
          else return;
          event.preventDefault();
          event.stopPropagation();
        }}
        className="field-sizing-content max-h-[50vh] min-h-16 w-full resize-none bg-transparent px-1.5 py-1 text-base outline-none"
      />
      <div className="flex flex-wrap items-center justify-end gap-2">
        <span className="flex-1 px-1.5 text-small text-text-3">{t("editHint")}</span>
        <Button small look="quiet" onClick={onClose}>
          {t("cancel")}
        </Button>
        <Button small look="primary" disabled={!text.trim()} onClick={send}>
          {t("ask")}
        </Button>
      </div>
    </div>
  );
}
