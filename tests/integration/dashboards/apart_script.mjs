// Where words beside lines go when they want the same place.

import assert from "node:assert/strict";

const { apart } = await import(process.argv[2]);

assert.deepEqual(apart([], 12, 0, 100), []);
assert.deepEqual(apart([80, 20, 50], 12, 0, 100), [80, 20, 50], "who has room stays");
assert.deepEqual(apart([50, 50], 12, 0, 100), [44, 56], "two share the way");
assert.deepEqual(apart([52, 50, 51], 12, 0, 100), [63, 39, 51], "their order is that of the prices");
assert.deepEqual(apart([99, 98], 12, 0, 100), [100, 88], "none leaves the chart");
assert.deepEqual(apart([1, 2], 12, 0, 100), [0, 12]);
assert.deepEqual(apart([-40, 300], 12, 10, 100), [10, 100]);

let seed = 7;
const next = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
for (let turn = 0; turn < 500; turn++) {
  const wanted = Array.from({ length: 1 + Math.floor(next() * 8) }, () => next() * 140 - 20);
  const heights = apart(wanted, 12, 0, 120).toSorted((a, b) => a - b);
  heights.forEach((y, place) => assert(y > -1e-9 && y < 120 + 1e-9 && (!place || y - heights[place - 1] > 12 - 1e-9), `${wanted}`));
}
process.stdout.write("ok\n");
