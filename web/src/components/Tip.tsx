import { Tooltip } from "@base-ui/react/tooltip";
import type { ReactElement } from "react";
import { Keys } from "./Keys";

/** A few words about a control, when the pointer rests on it or it has the focus. They add to its label, never replace it. */
export function Tip(props: {
  text: string;
  keys?: string | undefined;
  side?: "top" | "bottom" | "left" | "right" | undefined;
  children: ReactElement<Record<string, unknown>>;
}) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger render={props.children} />
      <Tooltip.Portal>
        <Tooltip.Positioner sideOffset={6} side={props.side ?? "bottom"} className="z-50">
          <Tooltip.Popup className="flex items-center gap-2 rounded-small border border-line bg-raised px-2 py-1 text-small text-text shadow-menu">
            {props.text}
            {props.keys && <Keys keys={props.keys} />}
          </Tooltip.Popup>
        </Tooltip.Positioner>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}
