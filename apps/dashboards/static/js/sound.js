// One short tone for a toast, made on the spot: higher for good news, lower for bad. Browsers allow sound only after
// the page was touched once; until then it stays silent.

const HERTZ = { good: 880, bad: 330, locked: 220 };
const USUAL_HERTZ = 587;
const SECONDS = 0.18;
let context = null;

export function tone(kind) {
  if (navigator.userActivation?.hasBeenActive === false) return;
  context ??= new AudioContext();
  const voice = context.createOscillator();
  const volume = context.createGain();
  const from = context.currentTime;
  voice.frequency.value = HERTZ[kind] ?? USUAL_HERTZ;
  volume.gain.setValueAtTime(0.08, from);
  volume.gain.exponentialRampToValueAtTime(0.001, from + SECONDS);
  voice.connect(volume).connect(context.destination);
  voice.start(from);
  voice.stop(from + SECONDS);
}
