// <live-region topic="user.7.trades" src="/desk/active/" [n="18"] [seconds="2"]>first paint</live-region>
// Asks for its partial again when a fact is told on one of its topics. Old content stays until then. With `seconds` it
// also asks every so often while the market's clock runs and the page is looked at: for sums that move with the price.

import { loadAgain } from "./again.js";
import { listen } from "./socket.js";

const TOGETHER_MS = 40; // facts of one turn come together: one question for all
const SHOW_WAITING_MS = 300;
const RELEASES = ["pointerup", "pointercancel", "contextmenu", "blur"];

class LiveRegion extends HTMLElement {
  connectedCallback() {
    const n = this.getAttribute("n");
    const topics = (this.getAttribute("topic") ?? "").split(" ").filter(Boolean);
    const first = topics.length === 1 && n ? Number(n) : null;
    this.stops = topics.map((topic) => listen(topic, (said) => this.hear(said), first));
    const seconds = Number(this.getAttribute("seconds"));
    if (seconds) this.beat(seconds);
    this.onpointerdown = (event) => {
      if (event.button === 0) this.hold();
    };
  }

  disconnectedCallback() {
    this.stops?.forEach((stop) => stop());
    clearTimeout(this.timer);
    this.timer = undefined;
    this.asking?.abort();
    this.asking = undefined;
  }

  beat(seconds) {
    let passed = 0;
    const tick = () => {
      if (++passed % seconds === 0 && !document.hidden) this.refresh();
    };
    document.addEventListener("market-second", tick);
    this.stops.push(() => document.removeEventListener("market-second", tick));
  }

  hear(said) {
    if (said.kind !== "reading") this.refresh();
  }

  /** Ask soon; questions while an answer is on its way are asked once after it. */
  refresh() {
    this.timer ??= setTimeout(() => this.ask(), TOGETHER_MS);
  }

  async ask() {
    this.timer = undefined;
    if (this.asking) {
      this.again = true;
      return;
    }
    const asking = (this.asking = new AbortController());
    const waiting = setTimeout(() => (this.ariaBusy = "true"), SHOW_WAITING_MS);
    try {
      const answer = await fetch(this.getAttribute("src"), {
        headers: { "X-Requested-With": "live-region" },
        signal: asking.signal,
      });
      if (answer.redirected && answer.url.includes("/accounts/login")) loadAgain();
      else if (answer.ok) this.draw(await answer.text());
      else throw new Error(`${answer.status}`);
      this.failures = 0;
    } catch (problem) {
      if (problem.name !== "AbortError") this.later();
    } finally {
      clearTimeout(waiting);
      this.ariaBusy = null;
      if (this.asking === asking) this.asking = undefined;
    }
    if (this.again) {
      this.again = false;
      if (this.isConnected) this.refresh();
    }
  }

  later() {
    this.dataset.failed = "";
    this.failures = (this.failures ?? 0) + 1;
    this.timer ??= setTimeout(() => this.ask(), Math.min(30000, 500 * 2 ** this.failures));
  }

  /** Nothing is drawn under a press: a control that is exchanged between down and up would hear no click. */
  hold() {
    this.isHeld = true;
    const release = (event) => {
      if (event.type === "blur" && event.target !== window) return; // the press itself takes the focus from elsewhere
      for (const name of RELEASES) removeEventListener(name, release, true);
      setTimeout(() => { // the click comes first
        this.isHeld = false;
        if (this.held !== undefined) this.draw(this.held);
      });
    };
    for (const name of RELEASES) addEventListener(name, release, true);
  }

  draw(html) {
    delete this.dataset.failed;
    this.held = this.isHeld ? html : undefined;
    if (this.isHeld || html === this.drawn) return;
    this.drawn = html;
    const path = this.focused();
    const typed = [...this.querySelectorAll("input, select, textarea")].filter(isChanged).map((one) => [this.path(one), one.value]);
    const open = new Set([...this.querySelectorAll("details[open][id]")].map((one) => one.id));
    const scrolled = [...this.querySelectorAll("[role=region][aria-label]")].map((one) => [one.ariaLabel, one.scrollTop, one.scrollLeft]);
    this.innerHTML = html;
    for (const [label, top, left] of scrolled) {
      const same = (top || left) && this.querySelector(`[role=region][aria-label="${CSS.escape(label)}"]`);
      if (same) [same.scrollTop, same.scrollLeft] = [top, left];
    }
    for (const id of open) this.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
    for (const [where, value] of typed) {
      const same = where && this.querySelector(where);
      if (same) same.value = value;
    }
    if (path) this.querySelector(path)?.focus({ preventScroll: true });
    this.dispatchEvent(new CustomEvent("live-drawn", { bubbles: true }));
  }

  /** The control that has the focus, by what stays the same when it is drawn again. */
  focused() {
    const control = this.contains(document.activeElement) ? document.activeElement : null;
    return control && control !== this ? this.path(control) : null;
  }

  path(control) {
    if (control.id) return `#${CSS.escape(control.id)}`;
    const key = control.closest("[data-of]")?.dataset.of;
    const within = key ? `[data-of="${CSS.escape(key)}"] ` : "";
    for (const name of ["name", "href", "aria-label"]) {
      const value = control.getAttribute(name);
      if (value) return `${within}${control.localName}[${name}="${CSS.escape(value)}"]`;
    }
    return within ? `${within}${control.localName}` : null;
  }
}

/** Whether somebody has typed or chosen something that was not sent yet. */
function isChanged(control) {
  if (control.localName === "select") return [...control.options].some((one) => one.selected !== one.defaultSelected);
  return control.type !== "hidden" && control.value !== control.defaultValue;
}

customElements.define("live-region", LiveRegion);
