// The page once more: who is signed out is led to the sign-in, and a form that stayed unanswered is there again.

const ON_ITS_WAY_MS = 30000;
let leftAt = -Infinity;
globalThis.addEventListener?.("beforeunload", () => (leftAt = performance.now()));

/** Load the page again, unless it is being left already: that would take back what was sent, as a sign-out. */
export function loadAgain() {
  if (performance.now() - leftAt > ON_ITS_WAY_MS) location.reload();
}
