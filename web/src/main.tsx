import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { show } from "./app/preferences";
import { startShortcuts } from "./app/shortcuts";
import { startWords } from "./app/words";
import "./theme/base.css";

show();
startShortcuts();
const root = document.getElementById("root");
if (root) {
  startWords().then(() =>
    createRoot(root).render(
      <StrictMode>
        <App />
      </StrictMode>,
    ),
  );
}
if ("serviceWorker" in navigator && import.meta.env.PROD)
  navigator.serviceWorker.register("/sw.js").catch(() => undefined);
