// A page that is being left is not loaded again; one that stayed is.

import assert from "node:assert/strict";

const heard = {};
let now = 50_000;
let loaded = 0;
globalThis.addEventListener = (name, hear) => (heard[name] = hear);
Object.defineProperty(globalThis, "performance", { value: { now: () => now } });
const due = [];
globalThis.setTimeout = (run, ms) => due.push([run, ms]);
globalThis.location = { reload: () => (loaded += 1) };
const { loadAgain } = await import(process.argv[2]);

loadAgain();
assert.equal(loaded, 1);
heard.beforeunload(); // a form leaves: the sign-out
now += 5_000;
loadAgain(); // a region is led to the sign-in meanwhile
loadAgain(); // and another
assert.equal(loaded, 1);
assert.equal(due.length, 1);
const [[run, ms]] = due;
now += ms; // nothing came of it, it was a file: the page is still here
run();
assert.equal(loaded, 2);
process.stdout.write("ok\n");
