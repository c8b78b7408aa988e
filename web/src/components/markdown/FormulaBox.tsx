import katex from "katex";
import { type ReactNode, useLayoutEffect, useRef, useState } from "react";
import "katex/dist/katex.min.css";

/** A formula. KaTeX builds its elements itself, without HTML, and may not load or link anything. */
export default function FormulaBox({
  text,
  display,
  fallback,
}: {
  text: string;
  display: boolean;
  fallback: ReactNode;
}) {
  const box = useRef<HTMLSpanElement>(null);
  const [broken, setBroken] = useState(false);
  useLayoutEffect(() => {
    if (!box.current) return;
    try {
      const options = { displayMode: display, trust: false, maxExpand: 200, maxSize: 20, strict: "ignore" } as const;
      katex.render(text, box.current, options);
      setBroken(false);
    } catch {
      setBroken(true); // half a formula, while it is being written
    }
  }, [text, display]);
  return (
    <>
      <span ref={box} hidden={broken} className={display ? "formula" : undefined} />
      {broken && fallback}
    </>
  );
}
