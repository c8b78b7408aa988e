import { Check, Code as CodeIcon, Copy, Workflow } from "lucide-react";
import { Fragment, type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useDark } from "@/app/useMedia";
import { useCopy } from "../useCopy";
import { useDiagram } from "./diagrams";

type Node = { type: string; value?: string; children?: Node[]; properties?: { className?: string[] } };
type Colour = (text: string, language: string) => Node | null;

const MOST_CHARACTERS = 60_000;
const MOST_LIVE_CHARACTERS = 4_000; // while it is being written, longer code is coloured at its end
let colour: Colour | null = null;

/** Code with its language, its colours once they are loaded, and a button to take it along; what is a diagram is drawn. */
export function Code({ text, language, live }: { text: string; language: string; live: boolean }) {
  const { t } = useTranslation();
  const [copied, copy] = useCopy();
  const name = language.split(/[\s{,:]/)[0] ?? "";
  const coloured = useColours(text, name, live);
  const diagram = useDiagram(name === "mermaid" && !live ? text : "", useDark());
  const [asCode, setAsCode] = useState(false);
  return (
    <figure className="code">
      <figcaption>
        <span className="grow">
          {name || t("code")}
          {diagram === null && ` · ${t("undrawn")}`}
        </span>
        {diagram && (
          <button type="button" onClick={() => setAsCode(!asCode)}>
            {asCode ? <Workflow size={14} aria-hidden /> : <CodeIcon size={14} aria-hidden />}
            {t(asCode ? "diagram" : "code")}
          </button>
        )}
        <button type="button" onClick={() => copy(text)}>
          {copied ? <Check size={14} aria-hidden /> : <Copy size={14} aria-hidden />}
          {t(copied ? "copied" : "copy")}
        </button>
      </figcaption>
      {diagram && !asCode ? (
        <img className="diagram" src={diagram.address} width={diagram.width} alt={t("diagramOf", { text })} />
      ) : (
        <pre tabIndex={0}>
          <code>{coloured ?? text}</code>
        </pre>
      )}
    </figure>
  );
}

function useColours(text: string, language: string, live: boolean): ReactNode {
  const [loaded, setLoaded] = useState(colour !== null);
  const wanted = language !== "" && text.length <= (live ? MOST_LIVE_CHARACTERS : MOST_CHARACTERS);
  useEffect(() => {
    if (!wanted || loaded) return;
    import("./colours").then(
      (module) => {
        colour = module.colour;
        setLoaded(true);
      },
      () => undefined,
    );
  }, [wanted, loaded]);
  const tree = wanted && loaded && colour ? colour(text, language) : null;
  return tree ? draw(tree) : null;
}

function draw(node: Node): ReactNode {
  if (node.type === "text") return node.value;
  const children = node.children?.map((child, at) => <Fragment key={at}>{draw(child)}</Fragment>);
  return node.type === "element" ? <span className={node.properties?.className?.join(" ")}>{children}</span> : children;
}
