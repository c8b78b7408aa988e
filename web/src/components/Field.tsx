import { Switch as BaseSwitch } from "@base-ui/react/switch";
import {
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId,
} from "react";
import { classes } from "./classes";

const BOX =
  "w-full rounded-base border border-line-strong bg-raised px-3 text-base text-text outline-offset-0 disabled:text-text-3 aria-[invalid=true]:border-bad";

interface Around {
  label: string;
  hint?: ReactNode; // what it changes, and what holds without it
  error?: string | undefined;
}

function Frame(props: Around & { id: string; children: ReactNode }) {
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={props.id} className="text-small font-medium text-text-2">
        {props.label}
      </label>
      {props.children}
      {props.error ? (
        <p id={`${props.id}-hint`} className="text-small text-bad">
          {props.error}
        </p>
      ) : (
        props.hint && (
          <p id={`${props.id}-hint`} className="text-small text-text-3">
            {props.hint}
          </p>
        )
      )}
    </div>
  );
}

function about(id: string, { hint, error }: Around) {
  return { id, "aria-describedby": hint || error ? `${id}-hint` : undefined, "aria-invalid": error ? true : undefined };
}

export function TextField({ label, hint, error, ...rest }: Around & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <input {...rest} {...about(id, { label, hint, error })} className={classes(BOX, "h-9", rest.className)} />
    </Frame>
  );
}

export function TextArea({ label, hint, error, ...rest }: Around & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <textarea
        {...rest}
        {...about(id, { label, hint, error })}
        className={classes(BOX, "field-sizing-content py-2", rest.className)}
      />
    </Frame>
  );
}

export interface Option {
  value: string;
  label: string;
}

export function Select({
  label,
  hint,
  error,
  options,
  ...rest
}: Around & { options: readonly Option[] } & SelectHTMLAttributes<HTMLSelectElement>) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <select {...rest} {...about(id, { label, hint, error })} className={classes(BOX, "h-9 pr-8", rest.className)}>
        {options.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </Frame>
  );
}

export function Switch(props: Around & { checked: boolean; disabled?: boolean; onChange: (checked: boolean) => void }) {
  const id = useId();
  return (
    <div className="flex items-start gap-3">
      <div className="flex-1">
        <span id={id} className="text-base text-text">
          {props.label}
        </span>
        {props.hint && (
          <p id={`${id}-hint`} className="text-small text-text-3">
            {props.hint}
          </p>
        )}
      </div>
      <BaseSwitch.Root
        checked={props.checked}
        disabled={props.disabled ?? false}
        onCheckedChange={props.onChange}
        aria-labelledby={id}
        aria-describedby={props.hint ? `${id}-hint` : undefined}
        className="mt-0.5 flex h-5 w-9 shrink-0 cursor-pointer items-center rounded-full border border-line-strong bg-pressed p-0.5 transition-colors duration-100 data-[checked]:border-accent data-[checked]:bg-accent data-[disabled]:opacity-50"
      >
        <BaseSwitch.Thumb className="size-3.5 rounded-full bg-text-2 transition-transform duration-100 data-[checked]:translate-x-4 data-[checked]:bg-on-accent" />
      </BaseSwitch.Root>
    </div>
  );
}

/** A number by a slider, and exactly by its box. value null: not set, then `fallback` says what holds. */
export function NumberSlider(
  props: Around & {
    value: number | null;
    fallback: string;
    min: number;
    max: number;
    step: number;
    onChange: (value: number | null) => void;
  },
) {
  const id = useId();
  const { value, min, max, step, onChange } = props;
  return (
    <Frame id={id} {...props}>
      <div className="flex items-center gap-3">
        <input
          type="range"
          aria-label={props.label}
          min={min}
          max={max}
          step={step}
          value={value ?? min}
          onChange={(event) => onChange(Number(event.target.value))}
          className={classes("min-w-0 flex-1 accent-accent", value === null && "opacity-60")}
        />
        <input
          {...about(id, props)}
          type="number"
          min={min}
          max={max}
          step={step}
          value={value ?? ""}
          placeholder={props.fallback}
          onChange={(event) => onChange(event.target.value === "" ? null : Number(event.target.value))}
          className="tabular h-8 w-20 rounded-base border border-line-strong bg-raised px-2 text-right text-small"
        />
      </div>
    </Frame>
  );
}
