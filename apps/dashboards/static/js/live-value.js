// <live-value topic="price.NQ" field="last" format="price" [of="trade key"]>20,005.25</live-value>
// Shows one field of a reading in place. Its own text stands until the first reading comes.

import { formats } from "./format.js";
import { listen } from "./socket.js";

const PAINT_MS = 250; // at most 4 a second

class LiveValue extends HTMLElement {
  connectedCallback() {
    this.stop = listen(this.getAttribute("topic"), (said) => this.hear(said));
  }

  disconnectedCallback() {
    this.stop?.();
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  hear(said) {
    const of = this.getAttribute("of");
    const field = this.getAttribute("field");
    if (said.kind !== "reading" || (of && said.of !== of) || !(field in said)) return;
    this.value = said[field];
    this.timer ??= setTimeout(() => this.paint(), this.painted ? PAINT_MS : 0);
  }

  paint() {
    this.timer = undefined;
    this.painted = true;
    const format = formats[this.getAttribute("format") ?? "text"];
    const text = format(this.value, this.dataset);
    if (this.textContent === text) return;
    const isMove = this.textContent !== "" && this.hasAttribute("flash");
    this.textContent = text;
    if (this.hasAttribute("signed")) this.dataset.sign = formats.sign(this.value);
    if (isMove) this.flash();
    this.dispatchEvent(new CustomEvent("live-change", { bubbles: true, detail: this.value }));
  }

  flash() {
    this.classList.remove("flash");
    void this.offsetWidth; // restarts the animation
    this.classList.add("flash");
  }
}

customElements.define("live-value", LiveValue);
