import { classes } from "./classes";

const FILLS = { accent: "bg-accent", good: "bg-good", warn: "bg-warn", bad: "bg-bad", quiet: "bg-line-strong" };

/** A small bar of how much of something is used. `text` says it in words; `more` is a second part behind the first. */
export function Meter(props: {
  label: string;
  value: number;
  max: number;
  text: string;
  more?: number;
  tone?: keyof typeof FILLS;
  className?: string;
}) {
  const width = (value: number) => `${Math.max(0, Math.min(100, (100 * value) / (props.max || 1)))}%`;
  return (
    <div
      role="meter"
      aria-label={props.label}
      aria-valuemin={0}
      aria-valuemax={props.max}
      aria-valuenow={Math.min(props.value, props.max)}
      aria-valuetext={props.text}
      className={classes("flex h-1.5 w-full overflow-hidden rounded-full bg-pressed", props.className)}
    >
      <div className={classes("h-full", FILLS[props.tone ?? "accent"])} style={{ width: width(props.value) }} />
      {props.more ? <div className="h-full bg-line-strong" style={{ width: width(props.more) }} /> : null}
    </div>
  );
}

/** How far work is; without a share it only says that something goes on. */
export function Progress({ label, share }: { label: string; share: number | null }) {
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={share === null ? undefined : Math.round(share * 100)}
      className="h-1.5 w-full overflow-hidden rounded-full bg-pressed"
    >
      <div
        className={classes("h-full rounded-full bg-accent", share === null && "w-1/3 animate-pulse")}
        style={share === null ? undefined : { width: `${Math.max(0, Math.min(1, share)) * 100}%` }}
      />
    </div>
  );
}
