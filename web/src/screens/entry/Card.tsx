import type { FormEvent, ReactNode } from "react";
import { Mark } from "@/app/Mark";

/** A small form in the middle of the page, before there is anything else. */
export function Card(props: { title: string; text?: ReactNode; onSubmit: () => void; children: ReactNode }) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    props.onSubmit();
  };
  return (
    <main className="flex min-h-full items-center justify-center px-6 py-10">
      <form onSubmit={submit} className="flex w-full max-w-sm flex-col gap-4">
        <p className="flex items-center gap-2.5 text-base font-semibold">
          <Mark size={26} /> Domov
        </p>
        <h1 className="text-title">{props.title}</h1>
        {props.text && <p className="text-base text-text-2">{props.text}</p>}
        {props.children}
      </form>
    </main>
  );
}
