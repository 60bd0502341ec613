// How values are written. The server's templatetags/desk.py writes the same: tests/formats.json holds both.

const NOTHING = "–";
const MINUS = "−";

/** A decimal text with thousands commas and a real minus; its decimals stay as they are. */
function grouped(text) {
  const [whole, part] = String(text).replace("-", "").split(".");
  const commas = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return (String(text).startsWith("-") ? MINUS : "") + commas + (part ? `.${part}` : "");
}

/** A decimal text rounded to some decimals, ties away from zero, without binary floats. */
function rounded(text, decimals) {
  const [whole, part = ""] = String(text).replace("-", "").split(".");
  const digits = whole + part.slice(0, decimals).padEnd(decimals, "0");
  const up = (part[decimals] ?? "0") >= "5" ? 1n : 0n;
  const all = (BigInt(digits) + up).toString().padStart(decimals + 1, "0");
  const cut = all.length - decimals;
  const value = decimals ? `${all.slice(0, cut)}.${all.slice(cut)}` : all;
  return String(text).startsWith("-") && /[1-9]/.test(value) ? `-${value}` : value;
}

const isNone = (value) => value === null || value === undefined || value === "";
const plus = (text) => (/^-|^[0.]+$/.test(text) ? grouped(text) : `+${grouped(text)}`);
const short = (text) => text.replace(/\.0$/, "");
const two = (number) => String(number).padStart(2, "0");

export const formats = {
  text: (value) => (isNone(value) ? NOTHING : String(value)),
  price: (value) => (isNone(value) ? NOTHING : grouped(value)),
  points: (value) => (isNone(value) ? NOTHING : grouped(value)),
  signed: (value) => (isNone(value) ? NOTHING : plus(String(value))),
  size: (value) => (isNone(value) ? NOTHING : grouped(value)),
  r: (value) => (isNone(value) ? NOTHING : `${plus(rounded(value, 2))} R`),
  percent: (value) => (isNone(value) ? NOTHING : `${grouped(rounded(value, 2))} %`),

  /** A gain or loss in dollars, from a decimal text: +$45.00, −$112.76, $0.00. */
  money(value) {
    if (isNone(value)) return NOTHING;
    const cut = rounded(value, 2);
    const mark = /[1-9]/.test(cut) && !cut.startsWith("-") ? "+" : "";
    return mark + formats.dollars(cut);
  },

  gained_points: (value) => (isNone(value) ? NOTHING : `${plus(rounded(value, 2))} pts`),
  gained_ticks: (value) => (isNone(value) ? NOTHING : `${plus(short(rounded(value, 1)))} ticks`),

  /** A result, known in several units, in the one that its trader wants; else in dollars, else in R. */
  result(known, { units } = {}) {
    const unit = unitOf(known, units);
    return RESULTS[unit](known[unit]);
  },

  /** An amount of dollars that is no result: $50,000.00, −$12.00. */
  dollars(value) {
    if (isNone(value)) return NOTHING;
    const text = grouped(rounded(value, 2));
    return text.startsWith(MINUS) ? `${MINUS}$${text.slice(1)}` : `$${text}`;
  },

  /** An amount of dollars without cents, towards zero. */
  whole_dollars(value) {
    if (isNone(value)) return NOTHING;
    const [whole] = String(value).split(".");
    return formats.dollars(/[1-9]/.test(whole) ? whole : "0").slice(0, -3);
  },

  /** Against the settlement: an arrow and the bare amount. */
  change(value) {
    if (isNone(value)) return NOTHING;
    const arrow = { "+": "▲", "-": "▼", 0: "■" }[formats.sign(value)];
    return `${arrow} ${grouped(String(value).replace("-", ""))}`;
  },

  /** "+", "-" or "0", for the attribute that colours an outcome. */
  sign(value) {
    if (isNone(value) || /^-?[0.]*$/.test(String(value))) return "0";
    return String(value).startsWith("-") ? "-" : "+";
  },

  /** Seconds since something: tenths below ten. */
  age(value) {
    if (isNone(value)) return NOTHING;
    const seconds = Number(value);
    if (seconds < 9.95) return `${rounded(String(value), 1)} s`;
    if (seconds < 60) return `${Math.floor(seconds)} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
    return `${Math.floor(seconds / 3600)} h`;
  },

  /** Whole seconds as 0:23, 31:37, 1:02:03. */
  duration(value) {
    if (isNone(value)) return NOTHING;
    const all = Math.max(0, Math.floor(Number(value)));
    const hours = Math.floor(all / 3600);
    const minutes = Math.floor((all % 3600) / 60);
    const rest = two(all % 60);
    return hours ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
  },

  /** An instant on the clock of a zone: 09:14:37. */
  clock: (value, { zone } = {}) => onClock(value, zone, { second: "2-digit" }),
  minute: (value, { zone } = {}) => onClock(value, zone, {}),
};

const RESULTS = { r: formats.r, points: formats.gained_points, ticks: formats.gained_ticks, money: formats.money };

/** In what a result is written: as wanted where that is known, else in dollars, else in R. */
export function unitOf(known, wanted) {
  return [wanted, "money"].find((one) => !isNone(known[one])) ?? "r";
}

function onClock(value, zone = "America/Chicago", seconds = {}) {
  if (isNone(value)) return NOTHING;
  const style = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone, ...seconds };
  return new Intl.DateTimeFormat("en-GB", style).format(new Date(value));
}
