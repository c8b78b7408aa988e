// Lets the page be installed and open at once. It keeps built files, whose names change with their content, and the one page
// that names them for when the server is away. It never sees anything else: no API answer is ever kept.
const CACHE = "domov-1";
const MOST_FILES = 200;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(cleaned()));

async function cleaned() {
  for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
  await self.clients.claim();
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (url.pathname.startsWith("/assets/")) event.respondWith(kept(request));
  else if (request.mode === "navigate" && (url.pathname === "/" || url.pathname.startsWith("/home")))
    event.respondWith(fresh(request));
});

async function kept(request) {
  const cache = await caches.open(CACHE);
  const found = await cache.match(request);
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok) {
    await cache.put(request, answer.clone());
    const old = await cache.keys();
    for (const name of old.slice(0, Math.max(0, old.length - MOST_FILES))) await cache.delete(name);
  }
  return answer;
}

async function fresh(request) {
  const cache = await caches.open(CACHE);
  try {
    const answer = await fetch(request);
    if (answer.ok) await cache.put("/", answer.clone());
    return answer;
  } catch (error) {
    const found = await cache.match("/");
    if (found) return found;
    throw error;
  }
}
