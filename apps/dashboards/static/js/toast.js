// <live-toasts topic="user.7.trades user.7.signals"></live-toasts>
// One toast per fact that has a text and is not in `leave`; at most three; they leave by themselves, or at a click or Esc.

import { listen } from "./socket.js";
import { tone as sound } from "./sound.js";

const STAY_MS = { bad: 12000 };
const USUAL_MS = 6000;
const AT_MOST = 3;

class LiveToasts extends HTMLElement {
  connectedCallback() {
    this.classList.add("toasts");
    this.setAttribute("role", "status");
    this.setAttribute("aria-live", "polite");
    this.unsaid = new Set((this.getAttribute("leave") ?? "").split(" "));
    const topics = (this.getAttribute("topic") ?? "").split(" ").filter(Boolean);
    this.stops = topics.map((topic) => listen(topic, (said) => this.hear(said)));
    this.leave = (event) => event.key === "Escape" && this.firstElementChild?.remove();
    document.addEventListener("keydown", this.leave);
  }

  disconnectedCallback() {
    this.stops?.forEach((stop) => stop());
    document.removeEventListener("keydown", this.leave);
  }

  hear(said) {
    if (said.kind === "fact" && said.text && !this.unsaid.has(said.fact)) this.show(said);
  }

  /** Show a line and its detail in a tone: good, bad, wait, locked; a locked one stays. */
  show({ text, detail = "", tone = "quiet", icon = "calm" }) {
    const toast = document.createElement("div");
    toast.className = "toast";
    toast.dataset.tone = tone;
    toast.append(sign(icon), part("strong", text), close(toast), part("p", detail));
    this.append(toast);
    if (document.body.dataset.sounds === "on") sound(tone);
    while (this.childElementCount > AT_MOST) this.firstElementChild.remove();
    if (tone !== "locked") setTimeout(() => toast.remove(), STAY_MS[tone] ?? USUAL_MS);
  }
}

function part(name, text, className = "") {
  const element = document.createElement(name);
  element.textContent = text;
  element.className = className;
  return element;
}

function sign(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const sprite = document.querySelector("svg use")?.getAttribute("href") ?? "";
  use.setAttribute("href", `${sprite.split("#")[0]}#i-${name}`); // where the page has its own from
  svg.append(use);
  return svg;
}

function close(toast) {
  const button = part("button", "×", "quiet");
  button.type = "button";
  button.ariaLabel = "Close";
  button.addEventListener("click", () => toast.remove());
  return button;
}

customElements.define("live-toasts", LiveToasts);
