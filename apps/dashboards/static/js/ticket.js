// <order-ticket verdict="/manager/verdict/">: what the order could lose, 250 ms after typing stops; presets; the words on
// the buttons; sending without leaving the page. Without it the form posts and the page comes back.

import { loadAgain } from "./again.js";
import { textOf } from "./answer.js";
import { isAway, unreached } from "./away.js";

const ASK_AFTER_MS = 250;
const PRICED = { limit: ["limit"], stop: ["stop"], stop_limit: ["stop", "limit"], trailing_stop: ["trail_points"], market: [] };

class OrderTicket extends HTMLElement {
  connectedCallback() {
    this.addEventListener("input", (event) => this.change(event));
    this.addEventListener("click", (event) => this.preset(event.target.closest("[data-preset]")));
    this.addEventListener("submit", (event) => this.send(event));
    for (const kind of ["pointerover", "focusin"]) this.addEventListener(kind, (event) => this.lean(event.target.closest('[name="side"]')?.value));
    document.addEventListener("ladder-price", (event) => this.fill(event.detail));
    document.addEventListener("ticket-side", (event) => this.arm(event.detail));
    this.paint();
  }

  get form() {
    return this.querySelector("#order-form");
  }

  value(name) {
    return new FormData(this.form).get(name) ?? "";
  }

  change(event) {
    if (!event.target.closest("#order-form")) return;
    if (event.target.name === "symbol") {
      location.assign(`?symbol=${event.target.value}`); // another chart and ladder
      return;
    }
    this.querySelector('[name="again"]')?.closest(".verdict").remove(); // it is another order now
    this.soon();
  }

  soon() {
    this.paint();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.judge(), ASK_AFTER_MS);
  }

  /** The verdict is asked for the side that the pointer or the keyboard leans to. */
  lean(side) {
    if (!side || side === this.side) return;
    this.side = side;
    this.soon();
  }

  async judge() {
    const form = this.form;
    const given = new URLSearchParams(new FormData(form));
    given.delete("csrfmiddlewaretoken");
    if (this.side) given.set("side", this.side);
    this.asking?.abort();
    this.asking = new AbortController();
    const verdict = await textOf(`${this.getAttribute("verdict")}?${given}`, { signal: this.asking.signal });
    if (verdict === null || form !== this.form) return; // sent meanwhile: another ticket stands there
    this.querySelector('[data-part="verdict"]').innerHTML = verdict;
    this.paint();
  }

  preset(button) {
    if (!button) return;
    this.form.elements.by_risk.checked = false;
    this.form.elements.quantity.value = button.dataset.preset;
    this.soon();
  }

  /** A row of the ladder was clicked: its price goes where the type needs it; a market order becomes a limit. */
  fill({ price, side }) {
    const type = this.value("type");
    const [field] = PRICED[type] ?? [];
    if (!field || field === "trail_points") this.form.querySelector('[name="type"][value="limit"]').checked = true;
    this.form.elements[field && field !== "trail_points" ? field : "limit"].value = price;
    if (side) this.side = side;
    this.soon();
  }

  /** The keyboard has chosen a side: Enter sends it. */
  arm(side) {
    this.side = side;
    for (const button of this.querySelectorAll('[name="side"]')) button.toggleAttribute("data-armed", button.value === side);
    this.soon();
  }

  /** Send what the keyboard has armed, where the verdict allows it. */
  sendArmed() {
    const decision = this.querySelector('[data-part="verdict"] [data-decision]')?.dataset.decision;
    const button = this.querySelector("[data-armed]");
    if (button && decision !== "blocked") this.form.requestSubmit(button);
  }

  paint() {
    if (!this.form) return;
    const byRisk = this.form.elements.by_risk.checked;
    const judged = this.querySelector('[data-part="verdict"] [data-quantity]')?.dataset.quantity;
    const size = byRisk ? (judged ?? "?") : this.value("quantity");
    const type = this.value("type");
    const prices = (PRICED[type] ?? []).map((name) => this.value(name)).filter(Boolean);
    for (const place of this.querySelectorAll('[data-part="size"]')) place.textContent = size;
    for (const place of this.querySelectorAll('[data-part="how"]')) place.textContent = [type.replaceAll("_", " "), ...prices].join(" ");
    for (const button of this.querySelectorAll("[data-preset]")) button.ariaPressed = String(!byRisk && button.dataset.preset === size);
    this.form.elements.quantity.toggleAttribute("readonly", byRisk);
  }

  async send(event) {
    if (event.target !== this.form || !event.submitter) return;
    event.preventDefault();
    if (this.isSending) return;
    this.isSending = true;
    const given = new FormData(this.form, event.submitter);
    for (const button of this.querySelectorAll('[name="side"]')) button.ariaDisabled = "true";
    try {
      const answer = await fetch(this.form.action, { method: "POST", body: given, headers: { "X-Requested-With": "ticket" } });
      if (isAway(answer.status)) throw new TypeError(`${answer.status}`); // as without a proxy
      if (answer.redirected || ![200, 409, 422].includes(answer.status)) throw new Error(`${answer.status}`);
      this.innerHTML = await answer.text();
      this.paint();
      (this.querySelector('[aria-invalid="true"], [role="alert"] ~ .sides button') ?? this.querySelector('[name="side"]'))?.focus({ preventScroll: true });
    } catch (problem) {
      if (problem instanceof TypeError) this.lost(event.submitter);
      else loadAgain(); // the same form is the same wish: nothing is sent twice
    } finally {
      this.isSending = false;
    }
  }

  /** No answer came. The ticket stays, and is the same wish: where it has arrived after all, it is not carried out again. */
  lost(button) {
    for (const one of this.querySelectorAll('[name="side"]')) one.ariaDisabled = null;
    unreached(button.innerText.trim(), "no answer came, so the order may have arrived or not. Look at your orders before you change it. Sent again as it stands, it is still one order.");
  }
}

customElements.define("order-ticket", OrderTicket);
