// The keyboard, off until the trader switches it on. Never in a text field, never while a dialog asks.

const CONTRACTS = new Set(["1", "2", "3", "5"]);

function isTyping(target) {
  return target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]") !== null;
}

function press(selector) {
  const control = document.querySelector(selector);
  control?.click();
  return Boolean(control);
}

/** Do what a key means; returns whether it meant something. */
function act(event) {
  const ticket = document.querySelector("order-ticket");
  if (event.shiftKey) return event.key.toLowerCase() === "f" && press('[data-key="flatten"]');
  const key = event.key.toLowerCase();
  if (key === "e") return press('[data-key="entry"]');
  if (!ticket) return false;
  if (key === "b" || key === "s") {
    document.dispatchEvent(new CustomEvent("ticket-side", { detail: key === "b" ? "buy" : "sell" }));
    return true;
  }
  if (CONTRACTS.has(key)) return press(`order-ticket [data-preset="${key}"]`);
  if (key === "escape") {
    document.dispatchEvent(new CustomEvent("ticket-side", { detail: null }));
    return true;
  }
  if (key === "enter" && !event.target.closest("a, button, summary")) {
    ticket.sendArmed();
    return true;
  }
  return false;
}

document.addEventListener("keydown", (event) => {
  if (!document.querySelector(".desk[data-keys]") || document.querySelector("dialog[open]")) return;
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (act(event)) event.preventDefault();
});
