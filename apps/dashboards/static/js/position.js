// <live-position topic="price.MNQZ6" data-cost data-size data-tick data-tick-value …>: an open position that follows
// the price. Dollars are reckoned in whole ticks, never in floating point; the server has drawn them right at first.

import { formats } from "./format.js";
import { LiveTrade } from "./ladder.js";
import { listen } from "./socket.js";

const open = new Map(); // the open dollars of every position in the list, for their sum
const dirty = new Set(); // positions with a price that is not painted yet
let frame;
const PAINT_MS = 250;
const SCALE = 10_000; // parts of a dollar: ticks are worth no smaller ones

/** A decimal text as a whole number of parts. */
function parts(text) {
  const [whole, part = ""] = text.replace("-", "").split(".");
  const value = BigInt(whole + part.slice(0, 4).padEnd(4, "0"));
  return text.startsWith("-") ? -value : value;
}

/** A whole number of parts as a decimal text. */
function decimal(value) {
  const digits = (value < 0n ? -value : value).toString().padStart(5, "0");
  return `${value < 0n ? "-" : ""}${digits.slice(0, -4)}.${digits.slice(-4)}`;
}

class LivePosition extends LiveTrade {
  connectedCallback() {
    super.connectedCallback();
    const given = this.dataset;
    this.cost = BigInt(given.cost);
    this.size = BigInt(given.size);
    this.tickValue = parts(given.tickValue);
    this.realized = parts(given.realized);
    this.riskMoney = parts(given.riskMoney);
    this.risk = Number(given.unitPoints || NaN);
    if (this.closest(".position") && given.open) open.set(this, parts(given.open));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    open.delete(this);
    dirty.delete(this);
  }

  /** All positions of a page, its header's too, are painted in one frame, so that none lags behind another. */
  price(said) {
    if (said.kind !== "reading" || !said.last) return;
    this.last = Number(said.last);
    dirty.add(this);
    frame ??= setTimeout(paintAll, this.painted ? PAINT_MS : 0);
  }

  paint() {
    this.painted = true;
    const ticks = BigInt(Math.round(this.last / Number(this.dataset.tick)));
    const now = (this.size * ticks - this.cost) * this.tickValue;
    const points = (this.last - this.entry) * this.sign;
    const r = points / this.risk;
    const away = (this.last - this.stop) * this.sign;
    this.show("money", formats.money(decimal(now)), Number(now) / SCALE);
    this.show("points", `${formats.signed(points.toFixed(2))} pts`, points);
    this.show("ticks", `${formats.signed(String(Number((points / this.dataset.tick).toFixed(1))))} ticks`, points);
    if (this.dataset.stop) this.show("away", formats.points(away.toFixed(2)));
    if (this.dataset.next) this.show("next-away", formats.points(((this.next - this.last) * this.sign).toFixed(2)));
    if (this.closest(".position")) open.set(this, now);
    const total = Number.isNaN(r) ? NaN : Number(this.realized + now) / Number(this.riskMoney);
    this.result({ r: total, points, money: Number(now) / SCALE, dollars: decimal(now) });
    if (Number.isNaN(r)) return;
    this.best = Math.max(this.best, r);
    this.worst = Math.min(this.worst, r);
    this.show("total", formats.r(total.toFixed(4)), total);
    this.show("r", formats.r(r.toFixed(4)), r);
    this.show("best", formats.r(this.best.toFixed(4)));
    this.show("worst", formats.r(this.worst.toFixed(4)));
    this.draw(r);
    if (this.dataset.stop) this.warn(away);
  }
}

function paintAll() {
  frame = undefined;
  for (const one of dirty) one.paint();
  dirty.clear();
  if (open.size) sum();
}

/** Say the sum of what is open, and the equity with it, wherever the page does: one reading for all of them. */
function sum() {
  const all = [...open.values()].reduce((total, one) => total + one, 0n);
  for (const place of document.querySelectorAll('[data-part="open-money"]')) {
    place.firstElementChild.textContent = formats.money(decimal(all));
    place.dataset.sign = formats.sign(decimal(all));
  }
  for (const place of document.querySelectorAll("[data-balance]")) {
    place.textContent = formats.dollars(decimal(parts(place.dataset.balance) + all));
  }
}

// A panel that the server has drawn again is right for the price of its own moment: it follows the positions at once.
document.addEventListener("live-drawn", () => open.size && sum());

/** The points between the price and a working order. */
class LiveAway extends HTMLElement {
  connectedCallback() {
    const level = Number(this.dataset.level);
    const decimals = (this.dataset.level.split(".")[1] ?? "").length;
    this.stop = listen(this.getAttribute("topic"), (said) => {
      if (said.kind !== "reading" || !said.last) return;
      const text = formats.points(Math.abs(level - Number(said.last)).toFixed(decimals));
      if (this.textContent !== text) this.textContent = text;
    });
  }

  disconnectedCallback() {
    this.stop?.();
  }
}

customElements.define("live-position", LivePosition);
customElements.define("live-away", LiveAway);
