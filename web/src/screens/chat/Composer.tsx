import { ArrowUp, FileText, Ghost, Image, Paperclip, Square, X } from "lucide-react";
import { type DragEvent, useEffect, useLayoutEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { layerOpen } from "@/app/layers";
import { usePhone } from "@/app/useMedia";
import { IconButton } from "@/components/Button";
import { classes } from "@/components/classes";
import { ProblemBox, useSentence } from "@/components/States";
import { DocumentsMenu } from "./DocumentsMenu";
import type { ChatState } from "./data/useChat";
import { useDraft } from "./draft";
import { useEditing } from "./editing";
import { Gauge } from "./Gauge";
import { type Upload, useUploads } from "./uploads";

const SIZES_ITSELF = CSS.supports("field-sizing", "content");

/** Where one asks. It never moves while an answer is written. */
export function Composer({ state }: { state: ChatState }) {
  const { t } = useTranslation("chat");
  const { actions, path, running, pending, failure } = state;
  const [text, setText] = useDraft(state);
  const uploads = useUploads(state.temporary);
  const [over, setOver] = useState(false);
  const { edit } = useEditing();
  const box = useBox(state.chat?.id ?? "", text);
  const picker = useRef<HTMLInputElement>(null);
  const ready =
    (text.trim() !== "" || uploads.ready.length > 0) && !uploads.waiting && !running && !pending && !state.noModel;

  const send = async () => {
    if (!ready) return;
    const { list, ready: attachments } = uploads;
    setText("");
    uploads.clear();
    if (await actions.send(text, attachments)) return;
    setText(text);
    uploads.putBack(list);
  };
  const onKeyDown = (event: React.KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.nativeEvent.isComposing) return;
    const question = path.findLast((step) => step.message.role === "user");
    if (event.key === "Enter" && !event.shiftKey) send();
    else if (event.key === "ArrowUp" && text === "" && question && !running) edit(question.message.id);
    else return;
    event.preventDefault();
  };
  const onDrop = (event: DragEvent) => {
    setOver(false);
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    uploads.add(event.dataTransfer.files);
  };

  return (
    <div className="shrink-0 px-3 pb-[max(12px,env(safe-area-inset-bottom))] sm:px-6">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the button beside it does the same by keyboard */}
      <div
        className={classes(
          "mx-auto flex w-full max-w-[var(--read-width)] flex-col rounded-base border bg-raised transition-colors duration-100 focus-within:border-focus",
          over ? "border-accent" : "border-line-strong",
        )}
        onDragOver={(event) => {
          if (!event.dataTransfer.types.includes("Files")) return;
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={onDrop}
      >
        {!path.length && failure !== null && <ProblemBox error={failure} className="m-2 mb-0" />}
        <Files list={uploads.list} onRemove={uploads.remove} />
        <textarea
          ref={box}
          aria-label={t("question")}
          placeholder={t(state.temporary ? "temporary.placeholder" : "placeholder")}
          rows={1}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
          onPaste={(event) => {
            if (!event.clipboardData.files.length) return;
            event.preventDefault();
            uploads.add(event.clipboardData.files);
          }}
          className="field-sizing-content max-h-[40vh] min-h-12 w-full resize-none bg-transparent px-4 pt-3 pb-1 text-base outline-none"
        />
        <div className="flex items-center gap-0.5 px-1.5 pb-1.5">
          <input
            ref={picker}
            type="file"
            multiple
            hidden
            aria-hidden
            tabIndex={-1}
            onChange={(event) => {
              uploads.add(event.target.files ?? []);
              event.target.value = "";
            }}
          />
          <IconButton small icon={Paperclip} label={t("attach")} side="top" onClick={() => picker.current?.click()} />
          <DocumentsMenu settings={state.settings} onChange={actions.setSettings} />
          {state.isNew && (
            <IconButton
              small
              icon={Ghost}
              label={t("temporary.label")}
              side="top"
              pressed={state.temporary}
              onClick={() => actions.setTemporary(!state.temporary)}
            />
          )}
          {!state.isNew && state.temporary && (
            <span className="flex items-center gap-1.5 px-2 text-small text-text-3">
              <Ghost size={15} aria-hidden /> {t("temporary.name")}
            </span>
          )}
          <Gauge path={path} />
          {running ? (
            <IconButton
              small
              look="primary"
              icon={Square}
              label={t("stop")}
              keys="Escape"
              side="top"
              onClick={actions.stop}
            />
          ) : (
            <IconButton
              small
              look="primary"
              icon={ArrowUp}
              label={t("ask")}
              keys="Enter"
              side="top"
              disabled={!ready}
              onClick={send}
            />
          )}
        </div>
      </div>
    </div>
  );
}

/** The box has the focus when a chat comes into view, except on phones, where a keyboard would hide it. */
function useBox(chat: string, text: string) {
  const box = useRef<HTMLTextAreaElement>(null);
  const phone = usePhone();
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each chat
  useEffect(() => {
    if (!phone && !layerOpen()) box.current?.focus();
  }, [chat, phone]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the text is what makes it higher
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || SIZES_ITSELF) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
  }, [text]);
  return box;
}

function Files({ list, onRemove }: { list: Upload[]; onRemove: (key: number) => void }) {
  const { t } = useTranslation("chat");
  const sentence = useSentence();
  if (!list.length) return null;
  return (
    <ul className="flex flex-wrap gap-1.5 px-3 pt-3">
      {list.map(({ key, file, attachment, error }) => {
        const Icon = file.type.startsWith("image/") ? Image : FileText;
        return (
          <li
            key={key}
            className={classes(
              "flex max-w-full items-center gap-2 rounded-base border px-2 py-1 text-small",
              error ? "border-bad text-bad" : "border-line",
              !attachment && !error && "animate-pulse text-text-3",
            )}
          >
            <Icon size={15} aria-hidden className="shrink-0" />
            <span className="min-w-0 truncate">{file.name}</span>
            {attachment?.text_tokens ? (
              <span className="shrink-0 text-text-3">{t("about", { count: attachment.text_tokens })}</span>
            ) : null}
            {error ? <span role="alert">{sentence(error)}</span> : null}
            <button
              type="button"
              aria-label={t("removeFile", { name: file.name })}
              onClick={() => onRemove(key)}
              className="rounded-small p-0.5 hover:bg-hover"
            >
              <X size={14} aria-hidden />
            </button>
          </li>
        );
      })}
    </ul>
  );
}
