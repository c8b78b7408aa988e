import { Boxes, House } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Mark } from "@/app/Mark";
import { EmptyState } from "@/components/States";
import { useChatModels } from "./data/models";
import type { ChatState } from "./data/useChat";

/** Before the first question: nothing but a word of welcome, and what to do where no model is here. */
export function Greeting({ state }: { state: ChatState }) {
  const { t } = useTranslation("chat");
  const models = useChatModels();
  if (models && models.length === 0) {
    return (
      <div className="flex min-h-0 flex-1 items-center overflow-y-auto">
        <EmptyState
          icon={Boxes}
          title={t("noModel.title")}
          text={t("noModel.text")}
          action={
            <code className="rounded-small bg-hover px-2 py-1 font-mono text-small">domov pull smollm2:135m</code>
          }
        />
      </div>
    );
  }
  return (
    <div className="flex min-h-0 flex-1 flex-col items-center justify-end gap-3 overflow-y-auto px-6 pb-8 text-center">
      <Mark size={40} />
      <h2 className="text-title">{t(state.temporary ? "temporary.greeting" : "greeting")}</h2>
      <p className="flex items-center gap-2 text-base text-text-2">
        <House size={16} aria-hidden className="text-accent-text" />
        {t(state.temporary ? "temporary.hint" : "atHome")}
      </p>
    </div>
  );
}
