// The desk does not answer: said in a dialog of its own, over a page that stays as it is, with whatever was typed into it.

const NOBODY = new Set([502, 503, 504]);

/** Whether an answer's status is how a proxy says that there is nobody behind it. */
export const isAway = (status) => NOBODY.has(status);

/** Say it; `what` was pressed, `words` are what came of it. Returns the dialog. */
export function unreached(what, words, title = "The desk does not answer") {
  const dialog = document.querySelector("#away") ?? document.body.appendChild(made());
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector("b").textContent = what;
  dialog.querySelector("span").textContent = words;
  if (!dialog.open) dialog.showModal();
  return dialog;
}

function made() {
  const dialog = document.createElement("dialog");
  dialog.id = "away";
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "away-title");
  dialog.innerHTML = `<header><h2 id="away-title"></h2></header>
    <div class="dialog-body" role="alert"><p><b></b>: <span></span></p></div>
    <footer><button class="button" type="button" data-size="lg" autofocus>Back <kbd class="key">Esc</kbd></button></footer>`;
  dialog.querySelector("button").addEventListener("click", () => dialog.close());
  return dialog;
}
