// <price-ladder topic="price.MNQ">: the row of the last price and the sizes at bid and ask move; rows stay where they
// are until somebody asks for the centre. A click on a row fills the ticket; it sends nothing.

import { listen } from "./socket.js";

const PAINT_MS = 250;

class PriceLadder extends HTMLElement {
  connectedCallback() {
    this.stop = listen(this.getAttribute("topic"), (said) => this.hear(said));
    this.addEventListener("click", (event) => this.click(event));
    this.addEventListener("live-drawn", () => this.paint());
  }

  disconnectedCallback() {
    this.stop?.();
    clearTimeout(this.timer);
  }

  hear(said) {
    if (said.kind !== "reading" || !said.last) return;
    this.said = said;
    this.timer ??= setTimeout(() => this.paint(), PAINT_MS);
  }

  paint() {
    this.timer = undefined;
    const table = this.querySelector("table");
    if (!table || !this.said) return;
    const { last, bid, ask, bid_size: bids, ask_size: asks } = this.said;
    this.mark(table, last);
    this.sizes(table, "bid", bid, bids);
    this.sizes(table, "ask", ask, asks);
  }

  /** The row that holds a price; null where it is out of view. */
  row(table, price) {
    const ticks = Math.round(Number(price) / Number(table.dataset.tick));
    const step = Number(table.dataset.stepTicks);
    return table.querySelector(`tr[data-ticks="${Math.floor(ticks / step) * step}"]`);
  }

  mark(table, last) {
    const row = this.row(table, last);
    const was = table.querySelector('tr[data-at="last"]');
    if (was !== row) {
      if (was) own(was);
      if (row) row.dataset.at = "last";
    }
    const note = this.querySelector('[data-part="out-of-view"]');
    const top = Number(table.querySelector("tr[data-ticks]").dataset.ticks);
    const side = Number(last) / Number(table.dataset.tick) > top ? "above" : "below";
    const words = row ? "" : `last price is ${side} the view`;
    if (note.textContent !== words) note.textContent = words;
  }

  sizes(table, side, price, size) {
    const row = price ? this.row(table, price) : null;
    const cell = row?.querySelector(`.${side}`);
    for (const other of table.querySelectorAll(`.${side}`)) {
      if (other !== cell && other.textContent) other.textContent = "";
    }
    const text = size === null || size === undefined ? "" : String(size);
    if (cell && cell.textContent !== text) cell.textContent = text;
  }

  click(event) {
    const link = event.target.closest("[data-step], [data-centre]");
    if (link) return this.again(event, link);
    const cell = event.target.closest("td");
    if (!cell || event.target.closest("a")) return undefined;
    const price = cell.closest("tr").querySelector(".price").textContent.replaceAll(",", "");
    const side = cell.matches(".bid, [data-fill=buy]") ? "buy" : cell.matches(".ask, [data-fill=sell]") ? "sell" : null;
    return document.dispatchEvent(new CustomEvent("ladder-price", { detail: { price, side } }));
  }

  /** Another step, or the last price in the middle again. */
  again(event, link) {
    event.preventDefault();
    const region = this.querySelector("live-region");
    const address = new URL(region.getAttribute("src"), location.href);
    if (link.dataset.step) address.searchParams.set("step", link.dataset.step);
    if (this.said) address.searchParams.set("centre", this.said.last);
    region.setAttribute("src", address.pathname + address.search);
    region.refresh();
  }
}

/** Give a row back what of the trader's own stands on it. */
function own(row) {
  if (row.dataset.own) row.dataset.at = row.dataset.own;
  else delete row.dataset.at;
}

customElements.define("price-ladder", PriceLadder);
