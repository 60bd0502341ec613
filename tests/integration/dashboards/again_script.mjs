// A page that is being left is not loaded again; one that stayed is.

import assert from "node:assert/strict";

const heard = {};
let now = 50_000;
let loaded = 0;
globalThis.addEventListener = (name, hear) => (heard[name] = hear);
Object.defineProperty(globalThis, "performance", { value: { now: () => now } });
globalThis.location = { reload: () => (loaded += 1) };
const { loadAgain } = await import(process.argv[2]);

loadAgain();
assert.equal(loaded, 1);
heard.beforeunload(); // a form leaves: the sign-out
now += 5_000;
loadAgain(); // a region is led to the sign-in meanwhile
assert.equal(loaded, 1);
now += 26_000; // nothing came of it: the page is still here
loadAgain();
assert.equal(loaded, 2);
process.stdout.write("ok\n");
