import { ChevronDown } from "lucide-react";
import { type ReactNode, useId, useState } from "react";
import { classes } from "@/components/classes";

/** A line that opens what is below it; that is made when it is opened. */
export function Unfold({ label, children }: { label: ReactNode; children: ReactNode }) {
  const id = useId();
  const [open, setOpen] = useState(false);
  return (
    <div className="w-full">
      <button
        type="button"
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(!open)}
        className="inline-flex items-center gap-1 rounded-small text-small text-accent-text hover:underline"
      >
        <ChevronDown
          size={15}
          aria-hidden
          className={classes("transition-transform duration-100", !open && "-rotate-90")}
        />
        {label}
      </button>
      <div id={id}>{open && children}</div>
    </div>
  );
}
