import { Archive, ArchiveRestore, Download, Folder, FolderPlus, Pencil, Pin, PinOff, Tags, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { chatPath } from "@/app/paths";
import { Button } from "@/components/Button";
import { Confirm, Dialog } from "@/components/Dialog";
import { TextField } from "@/components/Field";
import { MenuItem, MenuLine, MenuSub } from "@/components/Menu";
import { ProblemBox } from "@/components/States";
import { type Chat, change, remove } from "./data/chats";
import { download } from "./download";
import { useFolders } from "./useFolders";

export type ChatTask = "rename" | "folder" | "tags" | "delete";

/** What can be done with a chat as a whole, in the sidebar and in its own bar. */
export function ChatMenuItems({ chat, onTask }: { chat: Chat; onTask: (task: ChatTask) => void }) {
  const { t } = useTranslation("chat");
  const folders = useFolders();
  const set = (fields: Partial<Chat>) => void change(chat.id, fields).catch(() => undefined);
  return (
    <>
      {!chat.temporary && (
        <MenuItem icon={chat.pinned ? PinOff : Pin} onSelect={() => set({ pinned: !chat.pinned })}>
          {t(chat.pinned ? "menu.unpin" : "menu.pin")}
        </MenuItem>
      )}
      <MenuItem icon={Pencil} onSelect={() => onTask("rename")}>
        {t("menu.rename")}
      </MenuItem>
      {!chat.temporary && (
        <>
          <MenuSub icon={Folder} label={t("menu.folder")}>
            {folders.map((name) => (
              <MenuItem key={name} checked={name === chat.folder} onSelect={() => set({ folder: name })}>
                {name}
              </MenuItem>
            ))}
            {chat.folder && <MenuItem onSelect={() => set({ folder: null })}>{t("menu.noFolder")}</MenuItem>}
            {folders.length > 0 && <MenuLine />}
            <MenuItem icon={FolderPlus} onSelect={() => onTask("folder")}>
              {t("menu.newFolder")}
            </MenuItem>
          </MenuSub>
          <MenuItem icon={Tags} onSelect={() => onTask("tags")}>
            {t("menu.tags")}
          </MenuItem>
          <MenuItem icon={chat.archived ? ArchiveRestore : Archive} onSelect={() => set({ archived: !chat.archived })}>
            {t(chat.archived ? "menu.unarchive" : "menu.archive")}
          </MenuItem>
        </>
      )}
      <MenuSub icon={Download} label={t("menu.export")}>
        <MenuItem onSelect={() => download("markdown", chat)}>Markdown</MenuItem>
        <MenuItem onSelect={() => download("json", chat)}>JSON</MenuItem>
      </MenuSub>
      <MenuLine />
      <MenuItem icon={Trash2} danger onSelect={() => onTask("delete")}>
        {t("menu.delete")}
      </MenuItem>
    </>
  );
}

export function ChatDialogs({ chat, task, onClose }: { chat: Chat; task: ChatTask | null; onClose: () => void }) {
  const { t } = useTranslation("chat");
  const [location, go] = useLocation();
  const [failure, setFailure] = useState<unknown>(null);
  const destroy = async () => {
    try {
      await remove(chat.id);
      if (location === chatPath(chat)) go("/", { replace: true });
    } catch (error) {
      setFailure(error);
    }
  };
  return (
    <>
      {(task === "rename" || task === "folder" || task === "tags") && (
        <Ask key={task} chat={chat} task={task} onClose={onClose} />
      )}
      <Confirm
        open={task === "delete"}
        onClose={onClose}
        title={t("menu.delete")}
        text={t("menu.deleteText", { title: chat.title || t("untitled") })}
        action={t("delete")}
        danger
        onConfirm={destroy}
      />
      {failure !== null && (
        <Dialog open onClose={() => setFailure(null)} title={t("menu.delete")}>
          <ProblemBox error={failure} />
        </Dialog>
      )}
    </>
  );
}

const FIRST = {
  rename: (chat: Chat) => chat.title,
  folder: (chat: Chat) => chat.folder ?? "",
  tags: (chat: Chat) => chat.tags.join(", "),
};

function Ask({ chat, task, onClose }: { chat: Chat; task: "rename" | "folder" | "tags"; onClose: () => void }) {
  const { t } = useTranslation("chat");
  const [text, setText] = useState(FIRST[task](chat));
  const [failure, setFailure] = useState<unknown>(null);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    const plain = text.trim();
    const tags = [
      ...new Set(
        text
          .split(",")
          .map((tag) => tag.trim())
          .filter(Boolean),
      ),
    ];
    const fields = task === "rename" ? { title: plain } : task === "folder" ? { folder: plain || null } : { tags };
    try {
      await change(chat.id, fields);
      onClose();
    } catch (error) {
      setFailure(error);
    }
  };
  return (
    <Dialog open onClose={onClose} title={t(`menu.${task === "folder" ? "newFolder" : task}`)}>
      <form onSubmit={save} className="flex flex-col gap-4 pb-2">
        <TextField
          label={t(`menu.${task}Label`)}
          hint={task === "tags" ? t("menu.tagsHint") : undefined}
          autoFocus
          maxLength={200}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onFocus={(event) => event.target.select()}
        />
        {failure !== null && <ProblemBox error={failure} />}
        <div className="flex justify-end gap-2">
          <Button look="quiet" onClick={onClose}>
            {t("cancel")}
          </Button>
          <Button look="primary" type="submit">
            {t("save")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
