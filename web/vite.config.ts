import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const SERVER = process.env.DOMOV_URL ?? "http://127.0.0.1:36668";
const STATIC = join(import.meta.dirname, "../src/domov/web/static");
const LEAST_PACKED_BYTES = 1000;

/** Puts a brotli-packed copy beside every text of the build that gets shorter by it. */
function packed(): Plugin {
  return {
    name: "packed",
    apply: "build",
    closeBundle() {
      for (const name of readdirSync(STATIC, { recursive: true, encoding: "utf8" })) {
        const path = join(STATIC, name);
        if (!/\.(js|css|html|svg|json)$/.test(name) || statSync(path).size < LEAST_PACKED_BYTES) continue;
        const content = readFileSync(path);
        const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
        writeFileSync(`${path}.br`, brotliCompressSync(content, { params }));
      }
    },
  };
}

/** The frame that draws diagrams: one file, since scripts of its own would have to be open to every site. */
function diagram(): Plugin {
  const read = (path: string) => readFileSync(join(import.meta.dirname, path), "utf8");
  const inline = (script: string) => script.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");
  return {
    name: "diagram",
    apply: "build",
    closeBundle() {
      const page = read("diagram/index.html")
        .replace("/* mermaid */", () => inline(read("node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js")))
        .replace("/* draw */", () => inline(read("diagram/draw.js")));
      writeFileSync(join(STATIC, "diagram.html"), page);
    },
  };
}

/** KaTeX brings each font three times: every browser that can show the page reads woff2. */
function oneFontEach(): Plugin {
  return {
    name: "one font each",
    enforce: "pre",
    transform(code, id) {
      if (!id.endsWith("katex.min.css")) return null;
      return code.replace(/,url\([^)]+\.(?:woff|ttf)\) format\("\w+"\)/g, "");
    },
  };
}

export default defineConfig({
  plugins: [oneFontEach(), react(), tailwindcss(), diagram(), packed()],
  resolve: { alias: { "@": join(import.meta.dirname, "src") } },
  build: {
    outDir: STATIC,
    emptyOutDir: true,
    assetsInlineLimit: 0, // nothing as data: everything has an address of its own
    sourcemap: false,
    modulePreload: { polyfill: false },
    target: ["chrome123", "firefox121", "safari17.5"],
  },
  server: {
    // The page of `make page-dev` asks the running Domov; Host and Origin become its own.
    proxy: Object.fromEntries(
      ["/api", "/v1", "/healthz", "/docs", "/openapi.json", "/diagram"].map((path) => [
        path,
        {
          target: SERVER,
          changeOrigin: true,
          configure: (proxy: { on: (event: "proxyReq", act: (request: { removeHeader: (name: string) => void }) => void) => void }) =>
            proxy.on("proxyReq", (request) => {
              for (const name of ["origin", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"]) request.removeHeader(name);
            }),
        },
      ]),
    ),
  },
});
