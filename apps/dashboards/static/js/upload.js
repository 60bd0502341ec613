// <slice-upload to="/api/recorder/import/upload/">: sends the file of its form in slices, goes on after a break, and shows how far
// it is. Without it the form posts the file at once, up to 32 MB.

const AGAIN_MS = [1000, 2000, 4000, 8000, 16000, 30000];
const MB = 2 ** 20;
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

class SliceUpload extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.querySelector("[data-stop]").addEventListener("click", () => this.stop());
  }

  submit(event) {
    const file = this.form.elements.file.files[0];
    if (!file || !file.size) return; // the form says what is wrong
    event.preventDefault();
    if (!this.stopper) this.run(file);
  }

  async run(file) {
    this.stopper = new AbortController();
    this.show(true);
    window.addEventListener("beforeunload", this.warn);
    try {
      const told = await this.begin(file);
      await this.slices(file, told);
      window.removeEventListener("beforeunload", this.warn);
      location.assign(this.getAttribute("page").replace("0", told.id));
    } catch (problem) {
      window.removeEventListener("beforeunload", this.warn);
      this.stopper = null;
      this.show(false);
      this.say(problem.name === "AbortError" ? "Stopped. Choose the same file again to go on where it stopped." : problem.message);
    }
  }

  warn(event) {
    event.preventDefault();
  }

  begin(file) {
    const told = { name: file.name, size: file.size, modified: file.lastModified };
    for (const name of ["zone", "decimals", "days"]) {
      const { value } = this.form.elements[name];
      if (value) told[name] = value; // what the file itself shows is left out: the API takes no empty choice
    }
    return this.ask("POST", this.getAttribute("to"), JSON.stringify(told), { "Content-Type": "application/json" });
  }

  async slices(file, told) {
    const to = this.getAttribute("content").replace("0", told.id);
    const begun = performance.now(), first = told.offset;
    while (told.state === "receiving" && told.offset < file.size) {
      this.paint(told.offset, file.size, (told.offset - first) / (performance.now() - begun));
      const slice = file.slice(told.offset, told.offset + told.slice);
      const headers = { "Content-Type": "application/octet-stream", "Upload-Offset": String(told.offset) };
      told = { ...told, ...(await this.ask("PUT", to, slice, headers)) };
    }
    this.paint(file.size, file.size, 0);
  }

  // Returns what the desk answers. Tries again while it cannot be reached or is busy; a slice that came in twice tells where to go on.
  async ask(method, path, body, headers) {
    for (let turn = 0; ; turn++) {
      let problem;
      try {
        const answer = await fetch(path, {
          method, body, signal: this.stopper.signal,
          headers: { ...headers, "X-CSRFToken": this.form.elements.csrfmiddlewaretoken.value },
        });
        const told = await answer.json().catch(() => ({}));
        if (answer.ok || (answer.status === 409 && "offset" in told)) return answer.ok ? told : { offset: told.offset };
        problem = new Error(told.errors?.map((one) => one.detail).join(" ") || told.detail || `The desk answers ${answer.status}.`);
        if (answer.status < 500 && answer.status !== 429) throw Object.assign(problem, { isFinal: true });
      } catch (error) {
        if (error.name === "AbortError" || error.isFinal) throw error;
        problem = error;
      }
      if (turn === AGAIN_MS.length) throw new Error("The desk cannot be reached. Choose the same file again to go on where it stopped.");
      this.querySelector("[data-rate]").textContent = `The desk cannot be reached; trying again (${problem.message})`;
      await wait(AGAIN_MS[turn]);
    }
  }

  stop() {
    this.stopper?.abort();
  }

  show(isSending) {
    this.querySelector("[data-sending]").hidden = !isSending;
    for (const part of this.form.querySelectorAll("input, select, button.button[data-kind=main]")) {
      if (part.type !== "hidden") part.disabled = isSending;
    }
    if (isSending) this.say("");
  }

  say(text) {
    const place = this.querySelector("[data-problem]");
    place.hidden = !text;
    place.querySelector("p").textContent = text;
  }

  paint(at, size, rate) {
    const percent = Math.floor((at / size) * 100);
    this.querySelector("[data-percent]").textContent = `${percent} %`;
    this.querySelector("[data-far]").textContent = `${(at / MB).toFixed(0)} of ${(size / MB).toFixed(0)} MB are sent.`;
    this.querySelector(".done").setAttribute("width", `${percent}%`);
    this.querySelector("svg").setAttribute("aria-valuenow", percent);
    const left = rate ? (size - at) / rate / 1000 : 0;
    this.querySelector("[data-rate]").textContent = left > 1 ? `${((rate * 1000) / MB).toFixed(1)} MB a second, ${Math.ceil(left)} s left` : "";
  }
}

customElements.define("slice-upload", SliceUpload);
