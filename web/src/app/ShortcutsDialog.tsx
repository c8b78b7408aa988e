import { useTranslation } from "react-i18next";
import { Dialog } from "@/components/Dialog";
import { Keys } from "@/components/Keys";
import { useShortcutList } from "./shortcuts";

/** Every shortcut that holds here and now. */
export function ShortcutsDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const shortcuts = useShortcutList();
  return (
    <Dialog open={open} onClose={onClose} title={t("shortcuts.title")}>
      <dl className="grid grid-cols-[1fr_auto] items-center gap-x-4 gap-y-2 text-base">
        {shortcuts.map(({ keys, label }) => (
          <div key={keys} className="contents">
            <dt className="text-text-2">{label}</dt>
            <dd>
              <Keys keys={keys} />
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
