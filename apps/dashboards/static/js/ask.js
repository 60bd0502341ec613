// A link with data-ask opens its question in a dialog instead of a page of its own.
// The safe choice has the focus; Esc keeps. Without this the link leads to the same question.

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
    if (!answer.ok || answer.redirected) throw new Error(`${answer.status}`);
    dialog.innerHTML = await answer.text();
    const title = dialog.querySelector("#ask-title"); // the page behind may ask, too: its heading keeps the name
    if (title) title.id = "asked-title";
    dialog.showModal();
  } catch (problem) {
    if (problem instanceof TypeError) unreached(link.textContent.trim());
    else location.assign(link.href);
  }
});

/** The desk does not answer: say so here, and keep the page with its last figures. */
function unreached(what) {
  const words = document.createElement("div");
  words.innerHTML = `<header><h2 id="asked-title">The desk does not answer</h2></header>
    <div class="dialog-body" role="alert"><p><b></b>: nothing was done. Whoever has to get out now does it in the broker's own program. This page goes on trying by itself.</p></div>
    <footer><button class="button" type="button" data-keep data-size="lg" autofocus>Back <kbd class="key">Esc</kbd></button></footer>`;
  words.querySelector("b").textContent = what;
  dialog.replaceChildren(...words.children);
  if (!dialog.open) dialog.showModal();
}

dialog?.addEventListener("submit", () => {
  for (const button of dialog.querySelectorAll("button")) button.ariaDisabled = "true";
});
