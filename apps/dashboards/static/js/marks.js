// What is drawn over the candles: sessions behind them; signals, pivots, entries, stops, targets and exits on them.
// The market is grey; colour belongs to the trader's own marks.

import { formats } from "./format.js";
import { OwnMarks } from "./own-marks.js";
import { colours, faded } from "./theme.js";

const SESSIONS = {
  ASIA: "session-asia", LONDON: "session-london", "NY PRE": "session-pre", "NY AM": "session-am",
  "NY LUNCH": "session-lunch", "NY PM": "session-pm", INVALID: "session-pre",
};
const TOKENS = [
  "surface", "ink", "ink-soft", "ink-mute", "ink-inverse", "line-strong", "accent", "long", "short",
  "profit", "loss", "profit-ground", "risk-danger", "risk-danger-fill", ...new Set(Object.values(SESSIONS)),
];

const FEW = 3; // open trades whose lines all fit on one chart

export class Marks {
  constructor(find) {
    this.find = find; // the index of the candle that holds a moment
    this.data = { sessions: [], signals: [], trades: [], candles: [] };
    this.own = new OwnMarks(this);
    this.recolour();
  }

  attached({ chart, series, requestUpdate }) {
    Object.assign(this, { chart, series, requestUpdate });
  }

  show(data, last) {
    this.data = data;
    this.last = last;
    this.requestUpdate?.();
  }

  recolour() {
    this.colour = colours(TOKENS);
    this.requestUpdate?.();
  }

  paneViews() {
    return [
      { zOrder: () => "bottom", renderer: () => this.layer((pen) => this.behind(pen)) },
      // names stand before the grid: below it, its lines strike them out
      { zOrder: () => "normal", renderer: () => this.layer((pen) => this.names(pen)) },
      { zOrder: () => "top", renderer: () => this.layer((pen) => this.before(pen)) },
    ];
  }

  layer(draw) {
    return {
      draw: (target) =>
        target.useMediaCoordinateSpace(({ context, mediaSize }) => {
          context.save();
          context.font = `10px ${getComputedStyle(document.body).fontFamily}`;
          draw({ context, width: mediaSize.width, height: mediaSize.height });
          context.restore();
        }),
    };
  }

  /** The chosen trade keeps its entry and stop in view while it is open. */
  autoscaleInfo() {
    const held = this.own.prices();
    if (held.length) return { priceRange: { minValue: Math.min(...held), maxValue: Math.max(...held) } };
    const one = this.chosen();
    if (!one || (one.state !== "active" && !this.isStory)) return null;
    const prices = [one.entry, one.stop];
    return { priceRange: { minValue: Math.min(...prices), maxValue: Math.max(...prices) } };
  }

  /** The labels of the axis; the same array while they say the same, or the chart forgets how far it moved them apart. */
  priceAxisViews() {
    const tags = new Map(this.tags().map((one) => [one.join(), one])); // two orders at one price have one label
    const said = [...tags.keys()].join(" ");
    if (said === this.said) return this.labels;
    this.said = said;
    this.labels = [...tags.values()].map(([text, price, backColor, textColor]) => ({
      coordinate: () => this.y(price) ?? -100,
      text: () => text,
      textColor: () => textColor,
      backColor: () => backColor,
    }));
    return this.labels;
  }

  tags() {
    const tags = [];
    const tag = (price, backColor, textColor = this.colour["ink-inverse"]) =>
      tags.push([formats.price(price.toFixed(this.data.decimals)), price, backColor, textColor]);
    for (const one of this.data.trades.filter((trade) => this.isFull(trade) && trade.state === "active")) {
      tag(one.entry, one.long ? this.colour.long : this.colour.short);
      if (!one.armed_at) tag(one.stop, this.colour.loss);
      const next = one === this.chosen() ? one.targets.find((target) => !target.hit_at) : null;
      if (next) tag(next.price, this.colour["profit-ground"], this.colour.profit);
    }
    for (const one of this.data.signals.filter((signal) => signal.status === "PENDING" && signal.level)) {
      tag(one.level, this.colour.accent);
    }
    this.own.tags(tag);
    return tags;
  }

  // ---- places ----

  x(at) {
    const index = this.find(at);
    return index === null ? null : this.chart.timeScale().logicalToCoordinate(index);
  }

  y(price) {
    return this.series.priceToCoordinate(price);
  }

  // ---- behind the candles ----

  behind(pen) {
    for (const { one, left, right } of this.sessions(pen)) {
      pen.context.fillStyle = this.colour[SESSIONS[one.name]];
      pen.context.fillRect(left, 0, (one === this.data.sessions.at(-1) ? pen.width : right) - left, pen.height);
      this.line(pen, left, 0, left, pen.height, this.colour["line-strong"], [1, 3]);
    }
    const one = this.chosen();
    if (one && !this.own.isHeld) this.ground(pen, one);
    this.own.behind(pen);
  }

  names(pen) {
    for (const { one, left } of this.sessions(pen)) {
      this.text(pen, one.name === "INVALID" ? "no session" : one.name, Math.max(left, 0) + 6, 12, this.colour["ink-mute"]);
    }
  }

  /** The sessions in sight, each with its edges, which lie between candles. */
  sessions(pen) {
    const half = this.chart.timeScale().options().barSpacing / 2;
    return this.data.sessions
      .map((one) => ({ one, left: this.x(one.since), right: this.x(one.until) }))
      .filter(({ left, right }) => left !== null && right !== null && right >= 0 && left <= pen.width)
      .map(({ one, left, right }) => ({ one, left: left - half, right: right + half }));
  }

  /** The trade in front: the story's own, the one that is pointed at, else the newest that is open. */
  chosen() {
    const pointed = this.data.trades.find((one) => one.of === this.pointed);
    return pointed ?? this.data.trades.find((one) => this.isStory || one.state === "active");
  }

  /** Whether a trade is drawn with all its lines; of many open ones only the one in front is. */
  isFull(one) {
    if (this.isStory || one === this.chosen()) return true;
    return one.state === "active" && this.data.trades.filter((each) => each.state === "active").length <= FEW;
  }

  point(of) {
    this.pointed = of;
    this.requestUpdate?.();
  }

  ground(pen, one) {
    const left = this.x(one.entry_at);
    const right = one.ended_at ? this.x(one.ended_at) : pen.width;
    const until = one.armed_at ? this.x(one.armed_at) : right;
    const price = one.ended ?? this.last ?? one.entry;
    this.box(pen, left, until, one.entry, one.stop, faded(this.colour.loss, 0.09));
    const reached = one.targets.filter((target) => target.hit_at).at(-1)?.price;
    const top = this.isStory && reached ? reached : price;
    if ((top - one.entry) * (one.long ? 1 : -1) > 0) this.box(pen, left, right, one.entry, top, faded(this.colour.profit, 0.1));
  }

  box({ context }, left, right, from, to, colour) {
    const [a, b] = [this.y(from), this.y(to)];
    if ([left, right, a, b].includes(null)) return;
    context.fillStyle = colour;
    context.fillRect(left, Math.min(a, b), right - left, Math.abs(a - b));
  }

  // ---- before them ----

  before(pen) {
    for (const one of this.data.trades) this.trade(pen, one);
    for (const one of this.data.signals) this.signal(pen, one);
    this.own.before(pen);
  }

  trade(pen, one) {
    const left = this.x(one.entry_at);
    const right = one.ended_at ? this.x(one.ended_at) : pen.width;
    if (left === null || right === null || right < 0) return;
    const side = one.long ? this.colour.long : this.colour.short;
    const isFull = this.isFull(one);
    this.level(pen, left, right, one.entry, isFull ? side : faded(side, 0.5), [], isFull ? 1.5 : 1);
    if (!isFull && one.state === "active") this.level(pen, left, right, one.armed_at ? one.entry : one.stop, faded(this.colour.loss, 0.4), [1, 3], 1);
    if (isFull) {
      const moved = one.armed_at ? this.x(one.armed_at) : null;
      this.level(pen, left, moved ?? right, one.stop, this.colour.loss, one.armed_at ? [3, 3] : []);
      if (moved !== null) this.line(pen, moved, this.y(one.stop), moved, this.y(one.entry), this.colour.loss, [3, 3]);
      if (one === this.chosen()) this.targets(pen, one, left, right);
      const words = one.armed_at ? "entry · stop" : "entry";
      if (!this.own.isNamed(one.entry)) this.text(pen, words, Math.max(left, 0) + 4, this.y(one.entry) - 4, side);
      if (!one.armed_at && !this.own.isNamed(one.stop)) this.text(pen, "stop", Math.max(left, 0) + 4, this.y(one.stop) + (one.long ? 11 : -4), this.colour.loss);
    }
    if (one.ended_at) {
      const words = this.isStory ? `out ${formats.r(one.r.toFixed(4))}` : "";
      this.exit(pen, right, one.ended, words, this.colour[this.isStory ? "ink" : "ink-soft"]);
    }
    if (this.isStory && one.held_at) this.exit(pen, this.x(one.held_at), one.held, "held: −1 R", this.colour.loss);
  }

  targets(pen, one, left, right) {
    const next = one.targets.find((target) => !target.hit_at);
    for (const target of one.targets.filter((each) => each.hit_at || (each === next && !one.ended_at))) {
      const y = this.y(target.price);
      if (y === null) continue;
      this.level(pen, left, right, target.price, faded(this.colour.profit, target.hit_at ? 0.6 : 1), target.hit_at ? [] : [5, 4]);
      const place = y < 16 ? y + 11 : y - 4; // at the top edge the words go below their line
      this.text(pen, target.hit_at ? `${target.r} R ✓` : `${target.r} R`, Math.max(left, 0) + 4, place, this.colour.profit);
    }
  }

  exit(pen, x, price, words, colour) {
    const y = this.y(price);
    if (x === null || y === null) return;
    this.line(pen, x - 4, y - 4, x + 4, y + 4, colour, [], 1.5);
    this.line(pen, x - 4, y + 4, x + 4, y - 4, colour, [], 1.5);
    this.text(pen, words, x - 7, y + 14, this.colour["ink-soft"], "end");
  }

  signal(pen, one) {
    const index = one.at === null ? null : this.find(one.at);
    const candle = index === null ? null : this.data.candles[index];
    if (!candle) return;
    const x = this.chart.timeScale().logicalToCoordinate(index);
    const y = one.long ? this.y(candle[3]) + 5 : this.y(candle[2]) - 5;
    const side = one.long ? this.colour.long : this.colour.short;
    const isOff = one.off || one.status === "CANCELLED";
    this.triangle(pen, x, y, one.long ? 8 : -8, side, isOff);
    const off = this.isStory ? (one.off ? "refused" : "cancelled") : "";
    const words = isOff ? off : one.long ? "bull" : "bear";
    this.text(pen, words, x, one.long ? y + 19 : y - 12, isOff ? this.colour["ink-mute"] : side, "center");
    if (one.status === "PENDING" && one.level) this.level(pen, x, pen.width, one.level, this.colour.accent, [3, 3]);
    if (one.anchor !== null) this.ring(pen, this.x(one.anchor_at), this.y(one.anchor), 3, this.colour.accent);
    const confirmed = one.confirmed_at === null ? null : this.find(one.confirmed_at);
    const close = confirmed === null ? null : this.data.candles[confirmed]?.[4];
    if (close) this.ring(pen, this.chart.timeScale().logicalToCoordinate(confirmed), this.y(close), 4.5, this.colour.ink);
  }

  // ---- strokes ----

  level(pen, left, right, price, colour, dashes = [], width = 1.25) {
    const y = this.y(price);
    if (y !== null && left !== null) this.line(pen, left, y, right, y, colour, dashes, width);
  }

  line({ context }, x1, y1, x2, y2, colour, dashes = [], width = 1) {
    context.beginPath();
    context.setLineDash(dashes);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
    context.setLineDash([]);
  }

  ring({ context }, x, y, radius, colour) {
    if (x === null || y === null) return;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = faded(this.colour.surface, 0.6);
    context.fill();
    context.strokeStyle = colour;
    context.lineWidth = 1.5;
    context.stroke();
  }

  triangle({ context }, x, y, height, colour, isHollow) {
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x + 5, y + height);
    context.lineTo(x - 5, y + height);
    context.closePath();
    context.fillStyle = isHollow ? this.colour.surface : colour;
    context.fill();
    context.strokeStyle = isHollow ? this.colour["ink-mute"] : colour;
    context.lineWidth = 1;
    context.stroke();
  }

  text({ context }, words, x, y, colour, align = "start") {
    context.textAlign = align;
    context.lineWidth = 3;
    context.lineJoin = "round";
    context.strokeStyle = this.colour.surface;
    context.strokeText(words, x, y);
    context.fillStyle = colour;
    context.fillText(words, x, y);
  }
}
