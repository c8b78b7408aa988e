/** Colours for code: highlight.js with its common languages, as a tree and not as HTML. Loaded with the first code. */
import { common, createLowlight } from "lowlight";

const lowlight = createLowlight(common);

export function colour(text: string, language: string) {
  return lowlight.registered(language) ? lowlight.highlight(language, text) : null;
}
