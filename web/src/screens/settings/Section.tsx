import type { ReactNode } from "react";

/** A part of a screen with its heading, and what can be done about it at the end of that line. */
export function Section(props: { title: string; text?: ReactNode; action?: ReactNode; children: ReactNode }) {
  return (
    <section className="mb-10 flex flex-col gap-3">
      <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
        <div className="min-w-0 flex-1 basis-64">
          <h2 className="text-read">{props.title}</h2>
          {props.text && <p className="text-small text-text-3">{props.text}</p>}
        </div>
        {props.action}
      </div>
      {props.children}
    </section>
  );
}
