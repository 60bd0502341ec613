// A link with data-ask opens its question in a dialog instead of a page of its own.
// The safe choice has the focus; Esc keeps. Without this the link leads to the same question.

import { isAway, unreached } from "./away.js";

const GET_OUT = "nothing was done. Whoever has to get out now does it in the broker's own program. This page goes on trying by itself.";
const dialog = document.querySelector("#ask");

document.addEventListener("click", async (event) => {
  if (event.target.closest("[data-keep]") && dialog.open) {
    event.preventDefault();
    dialog.close();
    return;
  }
  const link = event.target.closest("a[data-ask]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  try {
    const answer = await fetch(link.href, { headers: { "X-Requested-With": "dialog" } });
    if (isAway(answer.status)) throw new TypeError(`${answer.status}`); // as without a proxy
    if (!answer.ok || answer.redirected) throw new Error(`${answer.status}`);
    dialog.innerHTML = await answer.text();
    const title = dialog.querySelector("#ask-title"); // the page behind may ask, too: its heading keeps the name
    if (title) title.id = "asked-title";
    dialog.showModal();
  } catch (problem) {
    if (problem instanceof TypeError) unreached(link.textContent.trim(), GET_OUT);
    else location.assign(link.href);
  }
});

dialog?.addEventListener("submit", () => {
  for (const button of dialog.querySelectorAll("button")) button.ariaDisabled = "true";
});
