// The page's one socket: connects, resumes with jitter, and tells who listens what is new.
// A listener hears {kind: "reading"|"fact"|"stale", ...}; "stale": something may be missing, ask again.

import { loadAgain } from "./again.js";
import { dataOf } from "./answer.js";

const LONGEST_WAIT_MS = 15000;
const SILENCE_MS = 12000; // the server speaks every 3 s; so long without a word the line is dead
const SIGNED_OUT = 4401;
const listeners = new Map(); // topic -> Set of functions
const counts = new Map(); // topic -> the n of its last fact
const latest = new Map(); // topic -> Map of what it is about -> its last reading
const asked = new Set(); // topics that this connection hears
const watchers = new Set();
let line = null;
let boot = null; // which server process counts
let isStarted = false;
let isOpen = false;
let isDue = false;
let failures = 0;
let silence = 0;

/** Hear a topic; returns what ends it. `n` is the count of facts that the page was painted with. */
export function listen(topic, hear, n = null) {
  if (!listeners.has(topic)) listeners.set(topic, new Set());
  listeners.get(topic).add(hear);
  if (n !== null && !counts.has(topic)) counts.set(topic, n);
  for (const reading of latest.get(topic)?.values() ?? []) hear(reading);
  settle();
  return () => {
    listeners.get(topic)?.delete(hear);
    settle();
  };
}

/** Be told whether the line is open, now and at each change. */
export function watch(tell) {
  watchers.add(tell);
  tell(isOpen);
  return () => watchers.delete(tell);
}

// A region that is drawn again leaves its topics and joins them in one breath: ask only for what remains.
function settle() {
  if (!isDue) queueMicrotask(ask);
  isDue = true;
}

function ask() {
  isDue = false;
  for (const [topic, hearing] of listeners) {
    if (hearing.size) continue;
    for (const known of [listeners, counts, latest]) known.delete(topic);
  }
  if (!isStarted && listeners.size) line = connect();
  if (!isOpen) return;
  const subscribe = [...listeners.keys()].filter((topic) => !asked.has(topic));
  const unsubscribe = [...asked].filter((topic) => !listeners.has(topic));
  subscribe.forEach((topic) => asked.add(topic));
  unsubscribe.forEach((topic) => asked.delete(topic));
  if (subscribe.length) line.send(JSON.stringify({ subscribe }));
  if (unsubscribe.length) line.send(JSON.stringify({ unsubscribe }));
}

function connect() {
  isStarted = true;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/ws/dashboard/`);
  socket.addEventListener("open", () => {
    failures = 0;
    changed(true);
    heard();
    ask();
  });
  socket.addEventListener("message", (event) => {
    if (line !== socket) return;
    heard();
    take(JSON.parse(event.data));
  });
  socket.addEventListener("close", (event) => {
    if (event.code === SIGNED_OUT) loadAgain();
    if (line === socket) lost();
  });
  return socket;
}

function lost() {
  clearTimeout(silence);
  asked.clear();
  line = null;
  changed(false);
  if (failures === 3) seeWhetherSignedOut(); // a refused handshake doesn't say why
  const wait = Math.min(LONGEST_WAIT_MS, 250 * 2 ** failures++);
  setTimeout(() => (line = connect()), wait * (0.5 + Math.random() / 2));
}

async function seeWhetherSignedOut() {
  const said = await dataOf("/api/auth/check-auth/");
  if (said && !said.authenticated) loadAgain();
}

function heard() {
  clearTimeout(silence);
  silence = setTimeout(() => {
    const dead = line;
    lost();
    dead.close();
  }, SILENCE_MS);
}

function take(said) {
  if (said.counts) return count(said);
  if (said.refresh) return allStale();
  if (said.refused) return console.warn("not heard:", said.refused);
  if (!said.topic || !listeners.has(said.topic)) return undefined;
  if (said.n !== undefined) {
    counts.set(said.topic, said.n);
    return tell(said.topic, { ...said, kind: "fact" });
  }
  const reading = { ...said, kind: "reading" };
  if (!latest.has(said.topic)) latest.set(said.topic, new Map());
  latest.get(said.topic).set(said.of ?? said.seconds ?? "", reading);
  return tell(said.topic, reading);
}

// A heartbeat repeats how many facts each topic has told. Another number than ours: one was lost.
function count(said) {
  const isOther = boot !== null && said.boot !== boot;
  boot = said.boot;
  if (isOther) allStale();
  for (const [topic, n] of Object.entries(said.counts)) {
    if (counts.get(topic) === n) continue;
    counts.set(topic, n);
    tell(topic, { kind: "stale", topic });
  }
}

function allStale() {
  for (const topic of listeners.keys()) tell(topic, { kind: "stale", topic });
}

function tell(topic, said) {
  for (const hear of listeners.get(topic) ?? []) hear(said);
}

function changed(now) {
  if (isOpen === now) return;
  isOpen = now;
  document.documentElement.dataset.line = now ? "open" : "lost";
  for (const watcher of watchers) watcher(now);
}
