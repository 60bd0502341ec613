// The page once more: who is signed out is led to the sign-in, and a form that stayed unanswered is there again.

const ON_ITS_WAY_MS = 30000;
let leftAt = -Infinity;
let later = 0;
globalThis.addEventListener?.("beforeunload", () => (leftAt = performance.now()));

/** Load the page again; where it is being left already, not before it has stayed after all: that would take back what was sent. */
export function loadAgain() {
  const left = leftAt + ON_ITS_WAY_MS - performance.now();
  if (left < 0) location.reload();
  else later ||= setTimeout(() => { later = 0; loadAgain(); }, left + 1);
}
