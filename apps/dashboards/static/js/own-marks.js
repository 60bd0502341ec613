// What the trader's account has on the chart: his fills, his position, his working orders, and the price that ends it all.

import { apart } from "./apart.js";
import { faded } from "./theme.js";

const ROOM = 110; // px for the words of a line
const LINE = 12; // px from words to words
const NEAR = 1.5; // so many times the height of the candles an order may lie away and still be kept in view

export class OwnMarks {
  constructor(marks) {
    this.marks = marks;
  }

  get data() {
    return this.marks.data;
  }

  get isHeld() {
    return Boolean(this.data.positions?.length);
  }

  /** What works at a price; orders that differ in nothing but their size are one line. */
  get orders() {
    const lines = new Map();
    for (const one of (this.data.orders ?? []).filter((each) => each.price !== null)) {
      const key = [one.root, one.role, one.side, one.type, one.price, one.waits].join();
      lines.set(key, { ...one, quantity: one.quantity + (lines.get(key)?.quantity ?? 0) });
    }
    return [...lines.values()];
  }

  /** Whether words of this account stand at a price already. */
  isNamed(price) {
    const y = this.marks.y(price);
    const mine = [...(this.data.positions ?? []).map((one) => one.average), ...this.orders.map((one) => one.price)];
    return mine.some((other) => Math.abs(this.marks.y(other) - y) < 12);
  }

  colour(name) {
    return this.marks.colour[name];
  }

  orderColour(one) {
    if (one.role === "stop") return this.colour("loss");
    if (one.role === "target") return this.colour("profit");
    return this.colour(one.side === "buy" ? "long" : "short");
  }

  /** The prices that stay in view: what is held, its stop and its targets, unless they lie very far away. */
  prices() {
    if (!this.isHeld) return [];
    const candles = this.data.candles.slice(-120);
    const high = Math.max(...candles.map((one) => one[2]));
    const low = Math.min(...candles.map((one) => one[3]));
    const room = (high - low) * NEAR;
    const wanted = [...this.data.positions.map((one) => one.average), ...this.orders.map((one) => one.price)];
    return wanted.filter((price) => price < high + room && price > low - room);
  }

  tags(tag) {
    for (const one of this.data.positions ?? []) tag(one.average, this.colour(one.long ? "long" : "short"));
    for (const one of this.orders) {
      if (one.role === "target") tag(one.price, this.colour("profit-ground"), this.colour("profit"));
      else tag(one.price, this.orderColour(one));
    }
    const line = this.data.liquidation;
    if (line) tag(line.price, this.colour("risk-danger-fill"));
  }

  behind(pen) {
    const { marks } = this;
    for (const one of this.data.positions ?? []) {
      const left = marks.x(one.since) ?? 0;
      const stops = this.orders.filter((order) => order.role === "stop" && order.root === one.root).map((order) => order.price);
      const stop = stops.length ? (one.long ? Math.max(...stops) : Math.min(...stops)) : null;
      const way = one.long ? 1 : -1;
      if (stop !== null && (one.average - stop) * way > 0) marks.box(pen, left, pen.width, one.average, stop, faded(this.colour("loss"), 0.09));
      if ((marks.last - one.average) * way > 0) marks.box(pen, left, pen.width, one.average, marks.last, faded(this.colour("profit"), 0.1));
    }
    this.liquidation(pen);
  }

  before(pen) {
    const { marks } = this;
    this.liquidationWords(pen);
    const words = [
      ...(this.data.positions ?? []).map((one) => this.position(pen, one)),
      ...this.orders.map((one) => this.order(pen, one)),
    ].filter((one) => one && one.y > 0 && one.y < pen.height + LINE);
    const heights = apart(words.map((one) => one.y), LINE, LINE, pen.height - 4);
    words.forEach((one, index) => marks.text(pen, one.text, one.x, heights[index], one.colour, one.align));
    for (const one of this.data.fills ?? []) this.fill(pen, one);
  }

  /** Draw a position's line; return its words and where they would stand. */
  position(pen, one) {
    const { marks } = this;
    const colour = this.colour(one.long ? "long" : "short");
    const left = marks.x(one.since) ?? 0;
    const y = marks.y(one.average);
    if (y === null) return null;
    marks.level(pen, left, pen.width, one.average, colour, [], 1.5);
    return { text: `${one.long ? "long" : "short"} ${one.size} ${one.root}`, x: pen.width - 6, y: y - 4, colour, align: "end" };
  }

  /** The same for an order. */
  order(pen, one) {
    const { marks } = this;
    const y = marks.y(one.price);
    if (y === null) return null;
    const colour = this.orderColour(one);
    const dashes = one.role === "target" ? [5, 4] : one.role === "stop" && !one.waits ? [] : [2, 3];
    const since = this.data.positions?.find((held) => held.root === one.root)?.since;
    const left = one.role === "entry" || since === undefined ? pen.width * 0.6 : (marks.x(since) ?? 0);
    marks.level(pen, left, pen.width, one.price, one.waits ? faded(colour, 0.5) : colour, dashes, 1.25);
    const text = `${one.side} ${one.quantity} ${one.role === "entry" ? one.type : one.role}`;
    const isShort = pen.width - left < ROOM; // a young position: the words would run into the axis
    const [x, align] = isShort ? [pen.width - 6, "end"] : [Math.max(left, 0) + 4, "start"];
    return { text, x, y: y + (one.side === "sell" && one.role === "stop" ? 11 : -4), colour, align };
  }

  /** A triangle that points at its candle from the left, at the price that was traded. */
  fill({ context }, one) {
    const x = this.marks.x(one.at);
    const y = this.marks.y(one.price);
    if (x === null || y === null) return;
    context.beginPath();
    context.moveTo(x - 9, y - 4);
    context.lineTo(x - 1, y);
    context.lineTo(x - 9, y + 4);
    context.closePath();
    context.fillStyle = this.colour(one.side === "buy" ? "long" : "short");
    context.fill();
    context.strokeStyle = this.colour("surface");
    context.lineWidth = 1;
    context.stroke();
  }

  /** Two pixels, hatched on its far side, price and points left. Out of view it is named at the edge it lies behind. */
  liquidation(pen) {
    const line = this.data.liquidation;
    if (!line) return;
    const { marks } = this;
    const y = marks.y(line.price);
    if (y === null) return;
    const fill = this.colour("risk-danger-fill");
    const way = line.is_below ? 1 : -1;
    const isOut = y < 0 || y > pen.height;
    if (!isOut) {
      this.hatch(pen, y, way * 9, fill);
      marks.line(pen, 0, y, pen.width, y, fill, [], 2);
    }
  }

  liquidationWords(pen) {
    const line = this.data.liquidation;
    const y = line ? this.marks.y(line.price) : null;
    if (y === null) return;
    const way = line.is_below ? 1 : -1;
    const { context } = pen;
    context.save();
    context.font = context.font.replace("10px", "600 11px");
    const [isUnder, isOver] = [y > pen.height, y < 0];
    const at = isUnder ? pen.height - 8 : isOver ? 26 : y - 6 * way + (way < 0 ? 8 : 0);
    const arrow = isUnder ? " ↓" : isOver ? " ↑" : "";
    this.marks.text(pen, line.text + arrow, 8, at, this.colour("risk-danger"));
    context.restore();
  }

  hatch({ context, width }, y, height, colour) {
    context.save();
    context.beginPath();
    context.rect(0, Math.min(y, y + height), width, Math.abs(height));
    context.clip();
    context.beginPath();
    for (let x = -10; x < width + 10; x += 7) {
      context.moveTo(x, y + 10);
      context.lineTo(x + 20, y - 10);
    }
    context.strokeStyle = faded(colour, 0.7);
    context.lineWidth = 1.5;
    context.stroke();
    context.restore();
  }
}
