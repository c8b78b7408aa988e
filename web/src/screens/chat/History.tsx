import { useInfiniteQuery } from "@tanstack/react-query";
import { Archive, Download, Ellipsis, Folder, ListFilter, Pin, Tag, Upload } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useLocation } from "wouter";
import { chatPath } from "@/app/paths";
import { useSidebar } from "@/app/sidebar";
import { IconButton } from "@/components/Button";
import { classes } from "@/components/classes";
import { Menu, MenuItem, MenuLabel, MenuLine } from "@/components/Menu";
import { ProblemBox, Skeleton } from "@/components/States";
import { ChatDialogs, ChatMenuItems, type ChatTask } from "./ChatMenu";
import { type Chat, type ChatFilter, type ChatPage, chatsQuery } from "./data/chats";
import { byDay } from "./days";
import { download } from "./download";
import { ImportDialog } from "./ImportDialog";

/** The chats, by day; pinned ones first. */
export default function History() {
  const { t } = useTranslation("chat");
  const [filter, setFilter] = useState<ChatFilter>({});
  const [importing, setImporting] = useState(false);
  const found = useInfiniteQuery(chatsQuery(filter));
  const first = found.data?.pages[0];
  const chats = useMemo(() => found.data?.pages.flatMap((page) => page.chats) ?? [], [found.data]);
  const groups = useMemo(() => byDay(chats, Date.now()), [chats]);
  const filtered = filter.folder ?? filter.tag ?? (filter.archived ? t("history.archived") : "");
  return (
    <section aria-label={t("history.label")}>
      <div className="flex h-8 items-center pl-2.5">
        <h2 className="min-w-0 flex-1 truncate text-small font-medium text-text-3">{filtered || t("history.label")}</h2>
        <FilterMenu page={first} filter={filter} onFilter={setFilter} onImport={() => setImporting(true)} />
      </div>
      {found.isError && <ProblemBox error={found.error} onRetry={found.refetch} className="m-1" />}
      {found.isPending && <Skeleton lines={5} className="p-2.5" />}
      {found.data && !chats.length && (
        <p className="px-2.5 py-2 text-small text-text-3">{t(filtered ? "history.noneHere" : "history.none")}</p>
      )}
      {groups.map((group) => (
        <div key={group.name} className="pb-2">
          <h3 className="px-2.5 pt-1 pb-0.5 text-small font-normal text-text-3">
            {group.date ?? t(`history.${group.name}`)}
          </h3>
          <ul>
            {group.chats.map((chat) => (
              <Row key={chat.id} chat={chat} />
            ))}
          </ul>
        </div>
      ))}
      {found.hasNextPage && <More onSeen={found.fetchNextPage} />}
      <ImportDialog open={importing} onClose={() => setImporting(false)} />
    </section>
  );
}

function Row({ chat }: { chat: Chat }) {
  const { t } = useTranslation("chat");
  const [location] = useLocation();
  const sidebar = useSidebar();
  const [task, setTask] = useState<ChatTask | null>(null);
  const path = chatPath(chat);
  const current = location === path;
  const title = chat.title || t("untitled");
  return (
    <li
      className={classes(
        "group flex items-center rounded-base pr-0.5 hover:bg-hover focus-within:bg-hover",
        current && "bg-hover",
      )}
    >
      <Link
        href={path}
        onClick={sidebar.leave}
        aria-current={current ? "page" : undefined}
        className={classes(
          "flex h-8 min-w-0 flex-1 items-center gap-2 rounded-base pl-2.5 text-small",
          current ? "text-text" : "text-text-2",
        )}
      >
        {chat.pinned && <Pin size={13} aria-label={t("history.pinned")} className="shrink-0 text-text-3" />}
        <span className="min-w-0 flex-1 truncate">{title}</span>
        {chat.running && (
          <span
            role="img"
            aria-label={t("history.running")}
            className="size-2 shrink-0 animate-pulse rounded-full bg-accent"
          />
        )}
      </Link>
      <span className="opacity-0 group-hover:opacity-100 group-focus-within:opacity-100 pointer-coarse:opacity-100">
        <Menu trigger={<IconButton small icon={Ellipsis} label={t("history.menuOf", { title })} className="size-7" />}>
          <ChatMenuItems chat={chat} onTask={setTask} />
        </Menu>
      </span>
      <ChatDialogs chat={chat} task={task} onClose={() => setTask(null)} />
    </li>
  );
}

function FilterMenu(props: {
  page: ChatPage | undefined;
  filter: ChatFilter;
  onFilter: (filter: ChatFilter) => void;
  onImport: () => void;
}) {
  const { t } = useTranslation("chat");
  const { page, filter, onFilter } = props;
  const on = Object.values(filter).some(Boolean);
  return (
    <Menu
      align="end"
      trigger={<IconButton small icon={ListFilter} label={t("history.filter")} pressed={on} className="size-7" />}
    >
      <MenuItem checked={!on} onSelect={() => onFilter({})}>
        {t("history.all")}
      </MenuItem>
      {page && page.folders.length > 0 && <MenuLabel>{t("history.folders")}</MenuLabel>}
      {page?.folders.map(({ name, count }) => (
        <MenuItem key={name} icon={Folder} checked={filter.folder === name} onSelect={() => onFilter({ folder: name })}>
          {name} <span className="text-text-3">{count}</span>
        </MenuItem>
      ))}
      {page && page.tags.length > 0 && <MenuLabel>{t("history.tags")}</MenuLabel>}
      {page?.tags.map(({ name, count }) => (
        <MenuItem key={name} icon={Tag} checked={filter.tag === name} onSelect={() => onFilter({ tag: name })}>
          {name} <span className="text-text-3">{count}</span>
        </MenuItem>
      ))}
      <MenuLine />
      <MenuItem icon={Archive} checked={filter.archived ?? false} onSelect={() => onFilter({ archived: true })}>
        {t("history.archived")}
      </MenuItem>
      <MenuLine />
      <MenuItem icon={Upload} onSelect={props.onImport}>
        {t("history.import")}
      </MenuItem>
      <MenuItem icon={Download} onSelect={() => download("markdown")}>
        {t("history.exportMarkdown")}
      </MenuItem>
      <MenuItem icon={Download} onSelect={() => download("json")}>
        {t("history.exportJson")}
      </MenuItem>
    </Menu>
  );
}

/** Fetches the next page when its place comes into view. */
function More({ onSeen }: { onSeen: () => void }) {
  const { t } = useTranslation("chat");
  const mark = useRef<HTMLButtonElement>(null);
  const latest = useRef(onSeen);
  latest.current = onSeen;
  useEffect(() => {
    const watch = new IntersectionObserver(([entry]) => entry?.isIntersecting && latest.current());
    if (mark.current) watch.observe(mark.current);
    return () => watch.disconnect();
  }, []);
  return (
    <button
      ref={mark}
      type="button"
      onClick={onSeen}
      className="h-8 w-full rounded-base text-small text-text-3 hover:bg-hover"
    >
      {t("history.more")}
    </button>
  );
}
