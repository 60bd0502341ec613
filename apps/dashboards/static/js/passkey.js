// <form data-passkey="create|get|login" hidden>: asks the browser for a passkey, writes its answer into `credential`, sends.
// What to ask for stands in #passkey-data; at the sign-in it is fetched from the form's own address.

const CAN = window.isSecureContext && Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON)
  && !/^[\d.]+$|^\[/.test(location.hostname); // an address of numbers can't own a passkey

async function question(form) {
  if (form.dataset.passkey !== "login") {
    return JSON.parse(document.getElementById("passkey-data").textContent);
  }
  const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`the desk answers ${answer.status}`);
  return answer.json();
}

async function create(form) {
  const wish = (await question(form)).creation_options.publicKey;
  const alone = form.elements.passwordless.checked;
  wish.authenticatorSelection = {
    ...wish.authenticatorSelection,
    residentKey: alone ? "required" : "discouraged",
    requireResidentKey: alone,
    ...(alone && { userVerification: "required" }),
  };
  return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(wish) });
}

async function get(form) {
  const wish = (await question(form)).request_options.publicKey;
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(wish) });
}

async function send(event) {
  const form = event.currentTarget;
  event.preventDefault();
  const problem = form.querySelector("[role=alert][hidden], [role=alert]:last-child");
  try {
    const made = await (form.dataset.passkey === "create" ? create(form) : get(form));
    form.elements.credential.value = JSON.stringify(made.toJSON());
    form.submit();
  } catch (error) {
    problem.hidden = false;
    problem.textContent = error.name === "NotAllowedError" ? "Not done: cancelled, or it took too long."
      : error.name === "InvalidStateError" ? "This key is one of yours already." : `It can't be used: ${error.message}`;
  }
}

if (CAN) {
  document.querySelector("[data-no-passkey]")?.setAttribute("hidden", "");
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", send);
  }
}
