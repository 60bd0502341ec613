// Numbers of an open trade that follow the price: R, points, distance to the stop, the mark on its ladder.
// The server draws them right at first; here they only move.

import { marketNow } from "./clock.js";
import { formats, unitOf } from "./format.js";
import { listen } from "./socket.js";

const PAINT_MS = 250;
const open = new Map(); // the R of every trade on the page, for their sum

export class LiveTrade extends HTMLElement {
  connectedCallback() {
    const given = this.dataset;
    for (const name of ["entry", "stop", "risk", "sign", "best", "worst", "near", "zero", "unit", "next"]) {
      this[name] = given[name] === undefined || given[name] === "" ? NaN : Number(given[name]);
    }
    this.decimals = (given.entry.split(".")[1] ?? "").length;
    this.stops = [listen(this.getAttribute("topic"), (said) => this.price(said))];
    if (this.hasAttribute("readings")) {
      this.stops.push(listen(this.getAttribute("readings"), (said) => this.extremes(said)));
    }
    this.tick = () => this.clock();
    document.addEventListener("market-second", this.tick);
  }

  disconnectedCallback() {
    this.stops?.forEach((stop) => stop());
    clearTimeout(this.timer);
    this.timer = undefined;
    document.removeEventListener("market-second", this.tick);
    open.delete(this);
    queueMicrotask(sum);
  }

  price(said) {
    if (said.kind !== "reading" || !said.last) return;
    this.last = Number(said.last);
    this.timer ??= setTimeout(() => this.paint(), this.painted ? PAINT_MS : 0);
  }

  extremes(said) {
    if (said.kind !== "reading" || said.of !== this.dataset.of) return;
    this.best = Math.max(this.best, Number(said.be_mfe_r));
    this.worst = Math.min(this.worst, Number(said.mae_r));
  }

  paint() {
    this.timer = undefined;
    this.painted = true;
    const points = (this.last - this.entry) * this.sign;
    const r = points / this.risk;
    const away = (this.last - this.stop) * this.sign;
    this.best = Math.max(this.best, r);
    this.worst = Math.min(this.worst, r);
    this.show("r", formats.r(r.toFixed(4)), r);
    const said = this.result({ r, points });
    this.show("points", `${formats.signed(points.toFixed(this.decimals))} pts`, points);
    if (this.dataset.tick) this.show("ticks", `${formats.signed(String(Number((points / this.dataset.tick).toFixed(1))))} ticks`, points);
    this.show("away", formats.points(away.toFixed(this.decimals)));
    this.show("best", formats.r(this.best.toFixed(4)));
    this.show("gave-back", `${(this.best - r).toFixed(2)} R`);
    if (this.next) this.show("next-away", formats.points(((this.next - this.last) * this.sign).toFixed(2)));
    if (this.dataset.title && document.querySelector(".desk").dataset.page === "main") document.title = `${this.dataset.title} ${said} · Main · tradehub`;
    if (!Number.isNaN(this.worst)) this.show("worst", formats.r(this.worst.toFixed(4)));
    if (this.unit) {
      this.draw(r);
      this.warn(away);
      open.set(this, r);
      sum();
    }
  }

  clock() {
    const since = Date.parse(this.dataset.since);
    const now = marketNow();
    if (now > since) this.show("time", formats.duration((now - since) / 1000));
  }

  show(name, text, outcome = null) {
    for (const place of this.querySelectorAll(`[data-show="${name}"]`)) {
      const target = place.querySelector("b") ?? place;
      if (target.textContent !== text) target.textContent = text;
      if (outcome !== null && place.dataset.sign) place.dataset.sign = formats.sign(outcome.toFixed(4));
    }
  }

  /** Show the result in the trader's unit, and return what is shown. Not-a-number is what is not known. */
  result({ dollars, ...known }) {
    const units = document.body.dataset.units;
    const numbers = { ...known, ticks: known.points / Number(this.dataset.tick || NaN) };
    const texts = Object.fromEntries(Object.entries(numbers).map(([unit, one]) => [unit, Number.isNaN(one) ? "" : one.toFixed(4)]));
    if (dollars) texts.money = dollars; // exact, not by floating point
    const text = formats.result(texts, { units });
    const unit = unitOf(texts, units);
    this.show("result", text, numbers[unit]);
    return text;
  }

  x(r) {
    return Math.min(100, Math.max(0, this.zero + this.unit * r));
  }

  /** Move what the price moves: attributes only, as percentages. */
  draw(r) {
    const part = (name) => this.querySelector(`[data-part="${name}"]`);
    const [now, best, worst] = [this.x(r), this.x(this.best), this.x(this.worst)];
    set(part("now"), { x: `${now}%` });
    set(part("best"), { x1: `${best}%`, x2: `${best}%` });
    set(part("worst"), { x1: `${worst}%`, x2: `${worst}%` });
    set(part("been"), { x: `${worst}%`, width: `${Math.max(0, best - worst)}%` });
    set(part("bar"), {
      x: `${Math.min(now, this.zero)}%`,
      width: `${Math.abs(now - this.zero)}%`,
      class: r < 0 ? "pain" : "gain",
    });
  }

  warn(away) {
    const level = away <= this.near ? "danger" : away * 2 <= this.risk ? "warning" : "safe";
    const place = this.querySelector('[data-show="danger"]');
    if (!place || place.dataset.risk === level) return;
    place.dataset.risk = level;
    for (const one of place.querySelectorAll("[data-level]")) one.hidden = one.dataset.level !== level;
  }
}

function set(element, attributes) {
  if (!element) return;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

function sum() {
  if (open.size === 0) return;
  const all = [...open.values()].reduce((total, r) => total + r, 0).toFixed(4);
  for (const place of document.querySelectorAll("open-sum")) {
    (place.querySelector("b") ?? place).textContent = formats.r(all);
    place.dataset.sign = formats.sign(all);
  }
}

/** The points from the price to the level that a close has to pass. */
class LiveDistance extends HTMLElement {
  connectedCallback() {
    const level = Number(this.dataset.level);
    const decimals = (this.dataset.level.split(".")[1] ?? "").length;
    this.stop = listen(this.getAttribute("topic"), (said) => {
      if (said.kind !== "reading" || !said.last) return;
      const left = (level - Number(said.last)) * Number(this.dataset.sign);
      const words = left < 0 ? "beyond it now" : `${formats.points(left.toFixed(decimals))} to go`;
      if (this.textContent !== words) this.textContent = words;
    });
  }

  disconnectedCallback() {
    this.stop?.();
  }
}

customElements.define("live-trade", LiveTrade);
customElements.define("live-distance", LiveDistance);
