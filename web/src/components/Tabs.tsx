import { Tabs as Base } from "@base-ui/react/tabs";
import type { ReactNode } from "react";

/** Parts of one screen, of which one is seen. */
export function Tabs<T extends string>(props: {
  value: T;
  onChange: (value: T) => void;
  tabs: readonly { value: T; label: string; content: ReactNode }[];
}) {
  return (
    <Base.Root value={props.value} onValueChange={(value) => props.onChange(value as T)}>
      <Base.List className="flex gap-1 overflow-x-auto border-b border-line">
        {props.tabs.map(({ value, label }) => (
          <Base.Tab
            key={value}
            value={value}
            className="-mb-px h-9 cursor-pointer border-b-2 border-transparent px-3 text-base whitespace-nowrap text-text-2 outline-offset-[-2px] hover:text-text data-[active]:border-accent data-[active]:text-text"
          >
            {label}
          </Base.Tab>
        ))}
      </Base.List>
      {/* Only this one: the library keeps the one before until its animations are over, of which there are none. */}
      {props.tabs
        .filter(({ value }) => value === props.value)
        .map(({ value, content }) => (
          <Base.Panel key={value} value={value} className="pt-4 outline-none">
            {content}
          </Base.Panel>
        ))}
    </Base.Root>
  );
}
