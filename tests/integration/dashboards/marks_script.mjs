// The labels of the price axis: the same array while nothing changes, one for orders at one price, new ones at a change.

import assert from "node:assert/strict";

const probe = { style: {}, remove: () => {} };
globalThis.document = { createElement: () => probe, body: { append: () => {} } };
globalThis.getComputedStyle = () => ({ color: probe.style.color });
const { Marks } = await import(process.argv[2]);

const marks = new Marks(() => 0);
marks.attached({ chart: {}, series: { priceToCoordinate: (price) => price }, requestUpdate: () => {} });
const target = (price, quantity) => ({ side: "sell", quantity, role: "target", type: "limit", price, root: "MNQ", waits: false });
const data = {
  sessions: [], signals: [], trades: [], candles: [], decimals: 2, fills: [], liquidation: null,
  positions: [{ average: 100.25, long: true, size: 3, root: "MNQ", since: 0 }],
  orders: [target(110, 1), target(110, 2), target(120, 1)],
};
marks.show(data, 101);
const first = marks.priceAxisViews();
assert.deepEqual(first.map((one) => one.text()), ["100.25", "110.00", "120.00"]);
assert.equal(marks.priceAxisViews(), first);
marks.show({ ...data }, 102);
assert.equal(marks.priceAxisViews(), first, "a new price moves none of them");
assert.deepEqual(marks.own.orders.map((one) => [one.price, one.quantity]), [[110, 3], [120, 1]]);
marks.show({ ...data, orders: [target(111, 1)] }, 102);
assert.deepEqual(marks.priceAxisViews().map((one) => one.text()), ["100.25", "111.00"]);
process.stdout.write("ok\n");
