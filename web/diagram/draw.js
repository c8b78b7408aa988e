// Draws diagrams for the page, in a frame that has an origin of nobody and may ask nobody: what mermaid makes of a model's
// text never comes into the page itself, which shows the drawing as a picture.
addEventListener("message", async ({ source, data: { number, text, dark } }) => {
  if (source !== parent) return;
  mermaid.initialize({
    startOnLoad: false,
    securityLevel: "strict",
    suppressErrorRendering: true,
    htmlLabels: false, // pictures show no HTML in every browser
    flowchart: { htmlLabels: false },
    theme: dark ? "dark" : "neutral",
    fontFamily: "system-ui, sans-serif", // a picture has no fonts but the system's
  });
  try {
    const { svg } = await mermaid.render(`diagram-${number}`, text);
    parent.postMessage({ number, svg }, "*");
  } catch {
    parent.postMessage({ number, svg: "" }, "*");
  }
});
parent.postMessage({ ready: true }, "*");
