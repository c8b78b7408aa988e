import { Dialog as Base } from "@base-ui/react/dialog";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Button, IconButton } from "./Button";
import { classes } from "./classes";

const BACKDROP = "fixed inset-0 z-30 bg-[light-dark(rgb(60_45_30_/_0.3),rgb(0_0_0_/_0.55))]";

interface Opened {
  open: boolean;
  onClose: () => void;
}

/** A question or a form above the page. `actions` stand at its end, the main one last. */
export function Dialog(
  props: Opened & { title: string; text?: ReactNode; actions?: ReactNode; wide?: boolean; children?: ReactNode },
) {
  const { t } = useTranslation();
  return (
    <Base.Root open={props.open} onOpenChange={(open) => !open && props.onClose()}>
      <Base.Portal>
        <Base.Backdrop className={BACKDROP} />
        <Base.Popup
          className={classes(
            "fixed top-1/2 left-1/2 z-30 flex max-h-[calc(100dvh-32px)] w-[calc(100vw-32px)] -translate-x-1/2 -translate-y-1/2 flex-col rounded-base border border-line bg-raised shadow-menu outline-none",
            props.wide ? "max-w-3xl" : "max-w-md",
          )}
        >
          <div className="flex items-start gap-3 px-5 pt-4">
            <Base.Title className="flex-1 text-read">{props.title}</Base.Title>
            <Base.Close render={<IconButton icon={X} label={t("close")} small untold className="-mt-0.5 -mr-2" />} />
          </div>
          {props.text && <Base.Description className="px-5 pt-1 text-base text-text-2">{props.text}</Base.Description>}
          {props.children && <div className="min-h-0 overflow-y-auto px-5 py-3">{props.children}</div>}
          {props.actions && <div className="flex flex-wrap justify-end gap-2 px-5 pt-2 pb-5">{props.actions}</div>}
          {!props.actions && <div className="pb-2" />}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

/** Asks before something that can't be undone. */
export function Confirm(
  props: Opened & { title: string; text: ReactNode; action: string; danger?: boolean; onConfirm: () => void },
) {
  const { t } = useTranslation();
  return (
    <Dialog
      open={props.open}
      onClose={props.onClose}
      title={props.title}
      text={props.text}
      actions={
        <>
          <Button look="quiet" onClick={props.onClose}>
            {t("cancel")}
          </Button>
          <Button
            look={props.danger ? "danger" : "primary"}
            onClick={() => {
              props.onConfirm();
              props.onClose();
            }}
          >
            {props.action}
          </Button>
        </>
      }
    />
  );
}

/** A panel that comes in from a side of the page: the sidebar of a phone, settings beside a chat. */
export function Drawer(props: Opened & { title: string; side: "left" | "right"; bare?: boolean; children: ReactNode }) {
  const { t } = useTranslation();
  return (
    <Base.Root open={props.open} onOpenChange={(open) => !open && props.onClose()}>
      <Base.Portal>
        <Base.Backdrop className={BACKDROP} />
        <Base.Popup
          className={classes(
            "fixed inset-y-0 z-30 flex w-[min(320px,calc(100vw-48px))] flex-col bg-side shadow-menu outline-none",
            props.side === "left" ? "left-0 border-r border-line" : "right-0 border-l border-line",
          )}
        >
          {props.bare ? (
            <Base.Title className="sr-only">{props.title}</Base.Title>
          ) : (
            <div className="flex h-12 shrink-0 items-center gap-2 border-b border-line pr-2 pl-4">
              <Base.Title className="flex-1 text-base">{props.title}</Base.Title>
              <Base.Close render={<IconButton icon={X} label={t("close")} small />} />
            </div>
          )}
          {props.children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}
