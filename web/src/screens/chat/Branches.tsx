import { ChevronLeft, ChevronRight } from "lucide-react";
import { useTranslation } from "react-i18next";
import { IconButton } from "@/components/Button";
import type { Message } from "./data/chats";
import type { Step } from "./data/tree";

/** ◂ 2/3 ▸ where a message has alternatives. */
export function Branches({ step, onTurn }: { step: Step; onTurn: (message: Message) => void }) {
  const { t } = useTranslation("chat");
  const { message, alternatives } = step;
  if (alternatives.length < 2) return null;
  const at = alternatives.findIndex((one) => one.id === message.id);
  const turn = (to: number) => {
    const other = alternatives[to];
    if (other) onTurn(other);
  };
  return (
    <div role="group" aria-label={t("branches.label")} className="flex items-center">
      <IconButton
        small
        icon={ChevronLeft}
        label={t("branches.before")}
        disabled={at === 0}
        onClick={() => turn(at - 1)}
      />
      <span className="tabular text-small text-text-2" aria-live="polite">
        {at + 1}/{alternatives.length}
      </span>
      <IconButton
        small
        icon={ChevronRight}
        label={t("branches.after")}
        disabled={at === alternatives.length - 1}
        onClick={() => turn(at + 1)}
      />
    </div>
  );
}
