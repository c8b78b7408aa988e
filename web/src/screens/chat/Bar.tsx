import { ChevronDown, Columns2, Ellipsis, SlidersHorizontal, SquarePen } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { useOffer } from "@/api/server";
import { Place } from "@/components/Badge";
import { IconButton } from "@/components/Button";
import { Menu, MenuItem, MenuLine } from "@/components/Menu";
import { screensFor } from "@/screens/registry";
import { ChatDialogs, ChatMenuItems, type ChatTask } from "./ChatMenu";
import { useChatModels } from "./data/models";
import type { ChatState } from "./data/useChat";
import type { Panel } from "./SidePanel";

/** Which model answers: its name opens the others. */
export function Bar({ state }: { state: ChatState }) {
  const { t } = useTranslation("chat");
  const models = useChatModels();
  const { model, actions } = state;
  if (!models) return null;
  const missing = model !== null && !models.some((one) => one.id === model);
  return (
    <>
      <Menu
        trigger={
          <button
            type="button"
            aria-label={t("model.choose", { model: model ?? "" })}
            className="flex h-9 min-w-0 items-center gap-1.5 rounded-base px-2.5 text-base font-medium hover:bg-hover"
          >
            <span className="truncate">{model ?? t("model.none")}</span>
            <ChevronDown size={15} aria-hidden className="shrink-0 text-text-3" />
          </button>
        }
      >
        {models.map((one) => (
          <MenuItem key={one.id} checked={one.id === model} onSelect={() => actions.setModel(one.id)}>
            <span className="flex items-baseline gap-2">
              <span className="truncate">{one.id}</span>
              <span className="shrink-0 text-text-3">
                {[
                  one.quantization,
                  one.type === "vlm" ? t("model.sees") : "",
                  one.state === "loaded" ? t("model.loaded") : "",
                ]
                  .filter(Boolean)
                  .join(" · ")}
              </span>
            </span>
          </MenuItem>
        ))}
      </Menu>
      {missing ? (
        <span className="text-small text-warn">{t("model.gone")}</span>
      ) : (
        model && (
          <span className="hidden sm:block">
            <Place where="home" reason={t("model.atHome")} />
          </span>
        )
      )}
    </>
  );
}

export function BarActions({ state, panel }: { state: ChatState; panel: Panel }) {
  const { t } = useTranslation("chat");
  const [, go] = useLocation();
  const offer = useOffer();
  const [task, setTask] = useState<ChatTask | null>(null);
  const { chat } = state;
  const compare = screensFor(offer).some((screen) => screen.name === "compare");
  return (
    <>
      <IconButton
        small
        icon={SlidersHorizontal}
        label={t("panel.title")}
        keys="Mod+."
        pressed={panel.open}
        onClick={panel.toggle}
      />
      {chat && (
        <Menu align="end" trigger={<IconButton small icon={Ellipsis} label={t("menu.label")} />}>
          <ChatMenuItems chat={chat} onTask={setTask} />
          {compare && (
            <>
              <MenuLine />
              <MenuItem icon={Columns2} onSelect={() => go("/home/compare")}>
                {t("menu.compare")}
              </MenuItem>
            </>
          )}
        </Menu>
      )}
      <IconButton small icon={SquarePen} label={t("frame:chat.new")} keys="Mod+Shift+O" onClick={() => go("/")} />
      {chat && <ChatDialogs chat={chat} task={task} onClose={() => setTask(null)} />}
    </>
  );
}
