// The colours of the current theme, for what is drawn on a canvas.

const probe = document.createElement("span");
probe.hidden = true;

/** Read tokens as rgb() texts: {long: "rgb(…)", …}. */
export function colours(names) {
  document.body.append(probe);
  const found = {};
  for (const name of names) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

/** Call again whenever the theme changes: by the switch, or by the system. */
export function onTheme(paint) {
  new MutationObserver(paint).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", paint);
}

/** The same colour, more transparent. */
export function faded(colour, alpha) {
  const [r, g, b] = colour.match(/[\d.]+/g);
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}
