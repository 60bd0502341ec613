// A form that posts while the page's line is lost asks first whether the desk answers. Where it does not, nothing is sent: the
// page stays with what was typed, and says so. With the line open a form goes its own way, at once; so it does without this.

import { isAway, unreached } from "./away.js";

const DOOR = "/api/system/csrf-token/"; // small, and open to everybody
const WAIT_MS = 8000;
const asked = new WeakSet(); // forms whose question is under way
const answered = new WeakSet(); // forms that may go

document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (answered.delete(form) || event.defaultPrevented) return;
  if (document.documentElement.dataset.line !== "lost" || (submitter?.formMethod || form.method) !== "post") return;
  event.preventDefault();
  if (!asked.has(form)) send(form, submitter);
});

async function send(form, submitter) {
  asked.add(form);
  const isThere = await answers();
  asked.delete(form);
  const dialog = form.closest("dialog");
  if (dialog && !dialog.open) return; // he has thought better of it meanwhile
  if (isThere && form.isConnected) {
    answered.add(form);
    form.requestSubmit(submitter?.isConnected ? submitter : null);
    return;
  }
  for (const button of dialog?.querySelectorAll('[aria-disabled="true"]') ?? []) button.ariaDisabled = null;
  const what = submitter?.textContent.trim() || "This form";
  if (isThere) unreached(what, "nothing was sent. The desk is back, and this part of the page is new: look at it and press again.", "Press again");
  else unreached(what, "nothing was sent, and what you typed stands here as it was. Whoever has to get out now does it in the broker's own program. This page goes on trying by itself.");
}

/** Whether the desk, or what stands in front of it, says anything that is no "nobody there". */
async function answers() {
  try {
    return !isAway((await fetch(DOOR, { cache: "no-store", signal: AbortSignal.timeout(WAIT_MS) })).status);
  } catch {
    return false;
  }
}
