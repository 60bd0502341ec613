// Plays server and browser for socket.js and prints what each listener heard.

import { strict as assert } from "node:assert";

class Line extends EventTarget {
  constructor(url) {
    super();
    Object.assign(this, { url, sent: [] });
    Line.all.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.dispatchEvent(new Event("close"));
  }

  open() {
    this.dispatchEvent(new Event("open"));
  }

  say(message) {
    this.dispatchEvent(Object.assign(new Event("message"), { data: JSON.stringify(message) }));
  }
}
Line.all = [];

const later = [];
globalThis.WebSocket = Line;
globalThis.location = { protocol: "https:", host: "desk.example", reload: () => later.push("reload") };
globalThis.document = { documentElement: { dataset: {} } };
globalThis.setTimeout = (work, wait) => later.push({ work, wait });
globalThis.clearTimeout = () => {};
globalThis.fetch = async () => ({ ok: true, json: async () => ({ authenticated: false }) });

const { listen, watch } = await import(process.argv[2]);
const breath = () => new Promise((done) => queueMicrotask(() => queueMicrotask(done)));
const heard = [];
const hear = (said) => heard.push(said);
const kinds = () => heard.splice(0).map((said) => said.kind);
const open = [];
watch((is) => open.push(is));

// it asks for all topics at once, when the line is open
const leave = listen("user.7.trades", hear, 3);
listen("price.NQ", hear);
await breath();
const [first] = Line.all;
assert.equal(first.url, "wss://desk.example/ws/dashboard/");
assert.deepEqual(first.sent, []);
first.open();
assert.deepEqual(first.sent, [{ subscribe: ["user.7.trades", "price.NQ"] }]);

// the count that the page was painted with is not stale, another one is
first.say({ counts: { "user.7.trades": 3 }, boot: "a" });
assert.deepEqual(kinds(), []);
first.say({ counts: { "user.7.trades": 5 }, boot: "a" });
assert.deepEqual(kinds(), ["stale"]);
first.say({ topic: "user.7.trades", n: 6, fact: "trade.ended" });
first.say({ counts: { "user.7.trades": 6 }, boot: "a" });
assert.deepEqual(kinds(), ["fact"]);

// readings are kept for who comes later, each about its own trade
first.say({ topic: "price.NQ", last: "1" });
first.say({ topic: "price.NQ", last: "2" });
first.say({ topic: "user.7.trades", of: "a", mae_r: "0" });
first.say({ topic: "user.7.trades", of: "b", mae_r: "0" });
kinds();
const late = [];
listen("price.NQ", (said) => late.push(said.last));
listen("user.7.trades", (said) => late.push(said.of));
assert.deepEqual(late, ["2", "a", "b"]);

// who leaves and comes back in one breath is not told of to the server
first.sent.length = 0;
leave();
const again = listen("user.7.trades", hear);
await breath();
assert.deepEqual(first.sent, []);
const quit = listen("candles.NQZ6", hear);
await breath();
quit();
await breath();
assert.deepEqual(first.sent, [{ subscribe: ["candles.NQZ6"] }, { unsubscribe: ["candles.NQZ6"] }]);
again();

// an engine's start has everything asked again
kinds();
first.say({ refresh: "engine" });
assert.deepEqual(kinds(), ["stale"]);

// a lost line is found again, and another server process means: ask again
later.length = 0;
first.close();
const next = later.find((one) => one.wait);
assert.ok(next.wait >= 125 && next.wait <= 250, `${next.wait}`);
next.work();
const second = Line.all.at(-1);
second.open();
assert.deepEqual(second.sent, [{ subscribe: ["user.7.trades", "price.NQ"] }]);
kinds();
second.say({ counts: { "user.7.trades": 6 }, boot: "b" });
assert.deepEqual(kinds(), ["stale"]);

// it waits longer and longer, and finds out that it was signed out
later.length = 0;
second.close();
for (let failure = 0; failure < 10; failure++) {
  later.filter((one) => one.wait).at(-1).work();
  Line.all.at(-1).close();
}
const waits = later.filter((one) => one.wait).map((one) => one.wait);
assert.ok(waits.every((wait) => wait <= 15000) && waits.at(-1) >= 7500, `${waits}`);
await new Promise((done) => setImmediate(done));
assert.ok(later.includes("reload"));
assert.deepEqual(open, [false, true, false, true, false]);
console.log("ok");
