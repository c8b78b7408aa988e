import type { LucideIcon } from "lucide-react";
import type { ButtonHTMLAttributes, ReactNode, Ref } from "react";
import { classes } from "./classes";
import { Tip } from "./Tip";

type Look = "primary" | "plain" | "quiet" | "danger";

const LOOKS: Record<Look, string> = {
  primary: "bg-accent text-on-accent font-medium hover:bg-accent-hover disabled:bg-pressed disabled:text-text-3",
  plain: "border border-line-strong text-text hover:bg-hover disabled:text-text-3 disabled:hover:bg-transparent",
  quiet: "text-text-2 hover:bg-hover hover:text-text disabled:text-text-3 disabled:hover:bg-transparent",
  danger: "border border-bad text-bad hover:bg-bad-soft disabled:opacity-60",
};

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  icon?: LucideIcon;
  small?: boolean;
  children?: ReactNode;
  ref?: Ref<HTMLButtonElement>;
}

export function Button({ look = "plain", icon: Icon, small, children, className, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      className={classes(
        "inline-flex shrink-0 items-center justify-center gap-2 rounded-base whitespace-nowrap transition-colors duration-100",
        small ? "h-8 px-3 text-small" : "h-9 px-4 text-base",
        LOOKS[look],
        className,
      )}
    >
      {Icon && <Icon size={small ? 15 : 17} aria-hidden />}
      {children}
    </button>
  );
}

export interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  icon: LucideIcon;
  label: string; // what it does, for the tip and for screen readers
  keys?: string; // a shortcut, shown in the tip
  look?: Look;
  small?: boolean;
  pressed?: boolean;
  side?: "top" | "bottom" | "left" | "right";
  untold?: boolean; // no tip: in a dialog its first Escape would only close the tip
  ref?: Ref<HTMLButtonElement>;
}

export function IconButton({
  icon: Icon,
  label,
  keys,
  look = "quiet",
  small,
  pressed,
  side,
  untold,
  ...rest
}: IconButtonProps) {
  const button = (
    <button
      type="button"
      aria-label={label}
      aria-pressed={pressed}
      {...rest}
      className={classes(
        "inline-flex shrink-0 items-center justify-center rounded-base transition-colors duration-100",
        small ? "size-8" : "size-9",
        LOOKS[look],
        pressed && "bg-accent-soft text-accent-text",
        rest.className,
      )}
    >
      <Icon size={small ? 16 : 18} aria-hidden />
    </button>
  );
  return untold ? (
    button
  ) : (
    <Tip text={label} keys={keys} side={side}>
      {button}
    </Tip>
  );
}
