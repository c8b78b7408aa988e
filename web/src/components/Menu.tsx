import { Menu as Base } from "@base-ui/react/menu";
import { Check, ChevronRight, type LucideIcon } from "lucide-react";
import type { ReactElement, ReactNode } from "react";
import { classes } from "./classes";
import { Keys } from "./Keys";

const POPUP =
  "z-40 max-h-[min(480px,var(--available-height))] min-w-44 max-w-[min(360px,calc(100vw-16px))] overflow-y-auto rounded-base border border-line bg-raised p-1 shadow-menu outline-none";
const ITEM =
  "flex min-h-8 w-full cursor-pointer items-center gap-2.5 rounded-small px-2.5 py-1 text-small text-text outline-none select-none data-[highlighted]:bg-hover data-[disabled]:cursor-default data-[disabled]:text-text-3";

/** A menu that opens from a button. Its parts are MenuItem, MenuChoice, MenuSub, MenuLabel and MenuLine. */
export function Menu(props: {
  trigger: ReactElement<Record<string, unknown>>;
  align?: "start" | "center" | "end";
  side?: "top" | "bottom" | "left" | "right";
  children: ReactNode;
}) {
  return (
    <Base.Root modal={false}>
      <Base.Trigger render={props.trigger} />
      <Base.Portal>
        <Base.Positioner sideOffset={4} align={props.align ?? "start"} side={props.side ?? "bottom"} className="z-40">
          <Base.Popup className={POPUP}>{props.children}</Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

export function MenuItem(props: {
  icon?: LucideIcon;
  keys?: string;
  danger?: boolean;
  disabled?: boolean;
  checked?: boolean;
  several?: boolean; // others may be checked as well, and the menu stays open
  onSelect: () => void;
  children: ReactNode;
}) {
  const Icon = props.icon;
  const item = {
    className: classes(ITEM, props.danger && "text-bad data-[highlighted]:bg-bad-soft"),
    disabled: props.disabled ?? false,
  };
  const content = (
    <>
      {Icon && <Icon size={16} aria-hidden className={props.danger ? "" : "text-text-3"} />}
      <span className="min-w-0 flex-1 truncate">{props.children}</span>
      {props.checked && <Check size={15} aria-hidden className="text-accent-text" />}
      {props.keys && <Keys keys={props.keys} />}
    </>
  );
  if (props.several)
    return (
      <Base.CheckboxItem {...item} checked={props.checked ?? false} onCheckedChange={props.onSelect}>
        {content}
      </Base.CheckboxItem>
    );
  return (
    <Base.Item {...item} aria-current={props.checked || undefined} onClick={props.onSelect}>
      {content}
    </Base.Item>
  );
}

/** One of several that exclude each other. */
export function MenuChoice<T extends string>(props: {
  value: T;
  options: readonly { value: T; label: ReactNode }[];
  onChange: (value: T) => void;
}) {
  return (
    <Base.RadioGroup value={props.value} onValueChange={props.onChange}>
      {props.options.map(({ value, label }) => (
        <Base.RadioItem key={value} value={value} closeOnClick className={ITEM}>
          <span className="min-w-0 flex-1 truncate">{label}</span>
          <Base.RadioItemIndicator>
            <Check size={15} aria-hidden className="text-accent-text" />
          </Base.RadioItemIndicator>
        </Base.RadioItem>
      ))}
    </Base.RadioGroup>
  );
}

export function MenuSub(props: { icon?: LucideIcon; label: string; children: ReactNode }) {
  const Icon = props.icon;
  return (
    <Base.SubmenuRoot>
      <Base.SubmenuTrigger className={classes(ITEM, "data-[popup-open]:bg-hover")}>
        {Icon && <Icon size={16} aria-hidden className="text-text-3" />}
        <span className="flex-1">{props.label}</span>
        <ChevronRight size={15} aria-hidden className="text-text-3" />
      </Base.SubmenuTrigger>
      <Base.Portal>
        <Base.Positioner sideOffset={2} alignOffset={-4} className="z-40">
          <Base.Popup className={POPUP}>{props.children}</Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.SubmenuRoot>
  );
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <div className="px-2.5 pt-1.5 pb-0.5 text-small text-text-3">{children}</div>;
}

export function MenuLine() {
  return <Base.Separator className="my-1 h-px bg-line" />;
}
