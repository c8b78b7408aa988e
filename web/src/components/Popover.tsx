import { Popover as Base } from "@base-ui/react/popover";
import type { ReactElement, ReactNode } from "react";

/** A small panel that opens from a button and stays until one looks elsewhere. */
export function Popover(props: {
  trigger: ReactElement<Record<string, unknown>>;
  title: string;
  side?: "top" | "bottom" | "left" | "right";
  align?: "start" | "center" | "end";
  children: ReactNode;
}) {
  return (
    <Base.Root>
      <Base.Trigger render={props.trigger} />
      <Base.Portal>
        <Base.Positioner sideOffset={6} side={props.side ?? "bottom"} align={props.align ?? "start"} className="z-40">
          <Base.Popup className="max-h-[min(520px,var(--available-height))] w-[min(420px,calc(100vw-16px))] overflow-y-auto rounded-base border border-line bg-raised p-4 shadow-menu outline-none">
            <Base.Title className="sr-only">{props.title}</Base.Title>
            {props.children}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
