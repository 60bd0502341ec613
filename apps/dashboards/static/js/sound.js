// <live-sounds topic="user.7.notices"></live-sounds>
// A short tone for each notice, by its name, where the trader has sounds on: [data-sounds="on"]. Nothing is loaded for it.

import { listen } from "./socket.js";

// [Hz, start s, length s] each. Short and apart from each other; the loud one is for trouble.
const TONES = {
  fill: [[660, 0, 0.09]],
  target: [[660, 0, 0.09], [880, 0.1, 0.14]],
  stop: [[440, 0, 0.1], [330, 0.11, 0.16]],
  rejection: [[220, 0, 0.12], [220, 0.16, 0.12]],
  limit: [[740, 0, 0.08], [740, 0.12, 0.08], [740, 0.24, 0.08]],
  disconnect: [[520, 0, 0.25], [390, 0.27, 0.25], [520, 0.54, 0.25], [390, 0.81, 0.25]],
};
const LOUDNESS = { disconnect: 0.3 };
const USUAL = 0.08;
const APART_MS = 150;

let audio;
let last = 0;

/** Play a tone by its name; an unknown one is silence, and so is a browser that nobody has touched yet. */
export function play(name) {
  const tones = TONES[name];
  const now = performance.now();
  if (!tones || now - last < APART_MS) return;
  last = now;
  try {
    audio ??= new AudioContext();
    if (audio.state !== "running") audio.resume().catch(() => {});
    for (const [hertz, start, length] of tones) tone(hertz, audio.currentTime + start, length, LOUDNESS[name] ?? USUAL);
  } catch {
    audio = undefined; // no sound here; the words are there all the same
  }
}

function tone(hertz, at, length, loudness) {
  const source = audio.createOscillator();
  const volume = audio.createGain();
  source.frequency.value = hertz;
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(loudness, at + 0.01);
  volume.gain.linearRampToValueAtTime(0, at + length);
  source.connect(volume).connect(audio.destination);
  source.start(at);
  source.stop(at + length);
}

class LiveSounds extends HTMLElement {
  connectedCallback() {
    this.stop = listen(this.getAttribute("topic"), (said) => {
      if (said.kind === "fact" && said.sound && document.body.dataset.sounds === "on") play(said.sound);
    });
  }

  disconnectedCallback() {
    this.stop?.();
  }
}

customElements.define("live-sounds", LiveSounds);
