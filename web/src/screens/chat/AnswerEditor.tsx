import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import type { Message } from "./data/chats";
import type { ChatActions } from "./data/useChat";

/** Puts other words into a model's mouth: what follows goes on from them. */
export function AnswerEditor({
  message,
  actions,
  onClose,
}: {
  message: Message;
  actions: ChatActions;
  onClose: () => void;
}) {
  const { t } = useTranslation("chat");
  const [text, setText] = useState(message.content);
  const save = async () => {
    if (await actions.edit(message, text)) onClose();
  };
  return (
    <div className="rounded-base border border-line-strong bg-raised p-2">
      <textarea
        // biome-ignore lint/a11y/noAutofocus: it was opened to write in it
        autoFocus
        aria-label={t("editAnswer")}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") onClose();
          else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save();
          else return;
          event.preventDefault();
          event.stopPropagation();
        }}
        className="field-sizing-content max-h-[60vh] min-h-24 w-full resize-none bg-transparent px-1.5 py-1 text-base outline-none"
      />
      <div className="flex justify-end gap-2">
        <Button small look="quiet" onClick={onClose}>
          {t("cancel")}
        </Button>
        <Button small look="primary" onClick={save}>
          {t("save")}
        </Button>
      </div>
    </div>
  );
}
