// The market's clock, the time that a bar has left, and the light of the feed.
// Market time is the feed's: it stands while the feed is silent, and runs at the market's own speed.

import { textOf } from "./answer.js";
import { formats } from "./format.js";
import { listen, watch } from "./socket.js";

const LATE_S = 4;
const DEAD_S = 60;
const QUIET_S = 10;
const HOUR_S = 3600;

export const market = { at: NaN, heardAt: NaN, speed: 1 };

/** Take a moment of the market in; its speed is learnt from the distance to the one before. */
function learn(at, wallAt) {
  const passed = at - market.at;
  const waited = wallAt - market.heardAt;
  if (waited > 400 && passed >= 0 && passed < HOUR_S * 1000) {
    market.speed = Math.round(Math.min(1000, Math.max(1, passed / waited)));
  }
  if (!(waited <= 400 && waited >= 0) || Number.isNaN(market.at)) {
    market.at = at;
    market.heardAt = wallAt;
  }
}

/** The market's time now: what was heard last, carried on for two seconds at most. */
export function marketNow() {
  const carried = Math.min(2000, Math.max(0, Date.now() - market.heardAt)) * market.speed;
  return market.at + (Number.isNaN(carried) ? 0 : carried);
}

function left(until) {
  return formats.duration(Math.max(0, (until - marketNow()) / 1000));
}

/** Hours and minutes, or minutes: 1:45 h, 12 min. */
function coarse(seconds) {
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${formats.duration(minutes)} h`;
}

class MarketClock extends HTMLElement {
  connectedCallback() {
    market.at = Date.parse(this.dataset.at);
    this.stop = listen(this.getAttribute("topic"), (said) => {
      if (said.at) learn(Date.parse(said.at), Date.now());
    });
    this.timer = setInterval(() => this.paint(), 1000);
  }

  disconnectedCallback() {
    this.stop?.();
    clearInterval(this.timer);
  }

  paint() {
    const now = marketNow();
    if (Number.isNaN(market.heardAt)) return;
    this.show("clock", formats.clock(now));
    this.show("bar", `bar ends in ${left(Math.floor(now / 60000) * 60000 + 60000)}`);
    const ends = Date.parse(this.dataset.sessionEnds);
    if (ends > now) this.show("session-ends", `ends in ${coarse((ends - now) / 1000)}`);
    else this.askAgain();
    document.dispatchEvent(new CustomEvent("market-second"));
  }

  /** A session is over: the words about it are asked again, and nothing else of the page: it may be the answer to a form. */
  async askAgain() {
    if (this.asking) return;
    this.asking = true;
    const words = await textOf(this.getAttribute("src"));
    const fresh = new DOMParser().parseFromString(words ?? "", "text/html").querySelector("market-clock");
    if (fresh) {
      this.dataset.sessionEnds = fresh.dataset.sessionEnds;
      this.show("session", fresh.querySelector('[data-show="session"]').textContent);
    }
    setTimeout(() => (this.asking = false), 10000);
  }

  show(part, text) {
    const place = this.querySelector(`[data-show="${part}"]`);
    if (place && place.textContent !== text) place.textContent = text;
  }
}

class BarClock extends HTMLElement {
  connectedCallback() {
    this.tick = () => {
      const length = Number(this.dataset.seconds) * 1000;
      if (Number.isNaN(market.heardAt)) return;
      this.textContent = `bar ends in ${left(Math.floor(marketNow() / length) * length + length)}`;
    };
    document.addEventListener("market-second", this.tick);
  }

  disconnectedCallback() {
    document.removeEventListener("market-second", this.tick);
  }
}

class FeedLight extends HTMLElement {
  connectedCallback() {
    this.ticked = Date.parse(this.dataset.wallAt);
    this.heard = this.ticked;
    this.stops = [
      listen(this.getAttribute("topic"), (said) => this.price(said)),
      listen("feed", (said) => this.feed(said)),
      watch((isOpen) => this.line(isOpen)),
    ];
    this.timer = setInterval(() => this.paint(), 1000);
  }

  disconnectedCallback() {
    this.stops?.forEach((stop) => stop());
    clearInterval(this.timer);
  }

  price(said) {
    if (said.kind !== "reading" || said.wall_at === this.last) return;
    this.last = said.wall_at;
    this.ticked = this.heard = Math.max(this.ticked || 0, Date.parse(said.wall_at));
  }

  feed(said) {
    if (said.kind !== "reading") return;
    this.dataset.state = said.state;
    if (said.wall_at) this.heard = Math.max(this.heard || 0, Date.parse(said.wall_at));
    this.paint();
  }

  line(isOpen) {
    this.lostAt = isOpen ? null : (this.lostAt ?? Date.now());
  }

  /** Which light, which words: by frames, not by ticks, so that a quiet market is no alarm. */
  judge() {
    const silent = (Date.now() - this.heard) / 1000;
    const age = (Date.now() - this.ticked) / 1000;
    if (this.lostAt && Date.now() - this.lostAt > 2000) return ["late", "desk not reached, trying"];
    const state = this.dataset.state;
    if (state === "ended") return ["quiet", "end of recording"];
    if (state === "catching_up") return ["late", "catching up"];
    if (state === "connecting") return ["late", "connecting"];
    if (state === "lost" || state === "stopped") return ["dead", `no feed, ${formats.duration(silent)}`];
    if (Number.isNaN(age)) return ["dead", "no feed"];
    if (this.dataset.open === "no" && age > QUIET_S) return ["quiet", "market closed"];
    if (silent >= DEAD_S) return ["dead", `no feed, ${formats.duration(silent)}`];
    if (silent >= LATE_S) return ["late", `late, ${formats.age(silent)}`];
    if (age >= QUIET_S) return ["quiet", `quiet market, ${formats.age(age)}`];
    return ["live", formats.age(Math.max(0, age))];
  }

  paint() {
    const [light, words] = this.judge();
    const lamp = this.firstElementChild;
    const place = this.querySelector('[data-show="age"]');
    if (place.textContent !== words) place.textContent = words;
    if (lamp.dataset.feed !== light) {
      lamp.dataset.feed = light;
      lamp.setAttribute("aria-label", `Market data: ${light === "live" ? "live" : words}`);
    }
    const stale = light === "dead" || (light === "late" && Date.now() - this.heard > 10000);
    document.querySelector(".desk").toggleAttribute("data-stale", stale);
    const note = document.querySelector("#feed-note");
    note.hidden = !stale;
    if (stale) {
      const since = Number.isNaN(market.at) ? "" : ` Numbers are as of ${formats.clock(market.at)} CT.`;
      const text = `${words[0].toUpperCase()}${words.slice(1)}.${since} Open trades are caught up when it is back.`;
      if (note.lastElementChild.textContent !== text) note.lastElementChild.textContent = text;
    }
  }
}

customElements.define("market-clock", MarketClock);
customElements.define("bar-clock", BarClock);
customElements.define("feed-light", FeedLight);
