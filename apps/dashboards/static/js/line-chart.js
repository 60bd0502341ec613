// <line-chart src="/prop/7/line/" facts="user.7.accounts"> : balance at each close, and the liquidation line under it.
// Other pages draw other lines by day with it: they say what lies on it in `points`, and how in `lines`.

import uPlot from "../vendor/uPlot.esm.js";
import { inTurn } from "./answer.js";
import { formats } from "./format.js";
import { listen } from "./socket.js";
import { colours, onTheme } from "./theme.js";

const HEIGHT = 224;
const ASK_AFTER_MS = 400;

export class LineChart extends HTMLElement {
  askInTurn = inTurn();

  connectedCallback() {
    this.box = this.querySelector('[data-part="box"]');
    for (const topic of (this.getAttribute("facts") ?? "").split(" ").filter(Boolean)) {
      listen(topic, (said) => said.kind !== "reading" && this.ask());
    }
    onTheme(() => this.build());
    this.follow();
    this.watch = new ResizeObserver(() => this.plot?.setSize({ width: this.box.clientWidth, height: HEIGHT }));
    this.watch.observe(this.box);
    this.load();
  }

  /** With `follows="figures"` it is also read again whenever the live region of that id was drawn anew. */
  follow() {
    const region = this.getAttribute("follows");
    if (!region) return;
    this.heard = (event) => event.target.id === region && this.ask();
    document.addEventListener("live-drawn", this.heard);
  }

  disconnectedCallback() {
    document.removeEventListener("live-drawn", this.heard);
    this.watch?.disconnect();
    clearTimeout(this.timer);
  }

  ask() {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.load();
    }, ASK_AFTER_MS);
  }

  async load() {
    const data = await this.askInTurn(this.getAttribute("src"));
    if (!data) return;
    this.data = data;
    this.draw();
  }

  /** One point a day, one place each: weekends take no room. Before the first day lies the start, after the last is now. */
  points() {
    const { days, balance, floor, start, now, floor_now: next } = this.data;
    const number = (text) => (text === null ? null : Number(text));
    const first = floor.length ? number(floor[0]) : number(next);
    return [
      [0, ...days.map((_, place) => place + 1), days.length + 1],
      [number(start), ...balance.map(number), number(now)],
      [first, ...floor.map(number), number(next)],
    ];
  }

  /** What a place on the axis is called. */
  named(place) {
    return { 0: "start", [this.data.days.length + 1]: "now" }[place] ?? day(this.data.days[place - 1]);
  }

  /** The colours of the lines, the lines themselves, and what is drawn under them. */
  lines(value) {
    const c = colours(["chart-series-1", "risk-danger-fill"]);
    return {
      series: [
        { label: "balance", stroke: c["chart-series-1"], width: 1.5, points: { show: this.isDotted() }, value },
        { label: "liquidation line", stroke: c["risk-danger-fill"], width: 2, paths: uPlot.paths.stepped({ align: -1 }), points: { show: false }, value },
      ],
      hooks: { drawAxes: [(plot) => hatch(plot, c["risk-danger-fill"])] },
    };
  }

  /** New figures move the lines that are there; only what looks otherwise is built anew, so nothing flickers. */
  draw() {
    if (!this.data?.days.length || !this.isConnected) return;
    const isDotted = this.isDotted();
    if (this.plot && this.wasDotted === isDotted) this.plot.setData(this.points());
    else this.build();
    this.wasDotted = isDotted;
  }

  /** Whether so few days are drawn that each has its dot. */
  isDotted() {
    return this.data.days.length < 4;
  }

  build() {
    if (!this.data?.days.length || !this.isConnected) return;
    const c = colours(["chart-axis", "chart-grid"]);
    const font = `10px ${getComputedStyle(document.body).fontFamily}`;
    const axis = { stroke: c["chart-axis"], font, grid: { stroke: c["chart-grid"], width: 1 }, ticks: { show: false } };
    const exact = (value) => (value === null || value === undefined ? "–" : formats.dollars(String(value)));
    const money = (plot, value, line, place) => exact(place === null ? plot.data?.[line]?.at(-1) : value); // nobody points: the last
    const named = (place) => this.named(place);
    const { series, ...looks } = this.lines(money);
    this.plot?.destroy();
    this.plot = new uPlot(
      {
        width: this.box.clientWidth,
        height: HEIGHT,
        scales: { x: { time: false }, y: { range: (plot, low, high) => roomy(low, high) } },
        cursor: { y: false, drag: { x: false } },
        axes: [
          { ...axis, grid: { show: false }, incrs: [1, 2, 5, 10, 20, 50], values: (plot, all) => all.map((one) => (Number.isInteger(one) ? named(one) : "")) },
          { ...axis, size: 60, values: (plot, all) => all.map((one) => formats.whole_dollars(String(one))) },
        ],
        series: [{ label: "day", value: (plot, place) => named(place ?? this.data.days.length) }, ...series],
        ...looks,
      },
      this.points(),
      this.box,
    );
  }
}

/** Leave room under the liquidation line, so that what lies under it can be seen. */
function roomy(low, high) {
  const span = Math.max(high - low, 100);
  return [low - span * 0.12, high + span * 0.08];
}

/** Hatch what lies under the liquidation line: there the account is lost. */
function hatch(plot, colour) {
  const [places, , floor] = plot.data;
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio || 1;
  ctx.save();
  ctx.beginPath();
  for (let place = 0; place < places.length - 1; place += 1) {
    if (floor[place + 1] === null) continue;
    const [from, to] = [places[place], places[place + 1]].map((one) => plot.valToPos(one, "x", true));
    const top = plot.valToPos(floor[place + 1], "y", true);
    ctx.rect(from, top, to - from, bbox.top + bbox.height - top);
  }
  ctx.clip();
  ctx.beginPath();
  ctx.strokeStyle = colour;
  ctx.globalAlpha = 0.4;
  ctx.lineWidth = ratio;
  for (let x = bbox.left - bbox.height; x < bbox.left + bbox.width; x += 7 * ratio) {
    ctx.moveTo(x, bbox.top + bbox.height);
    ctx.lineTo(x + bbox.height, bbox.top);
  }
  ctx.stroke();
  ctx.restore();
}

function day(text) {
  const [year, month, date] = text.split("-").map(Number);
  return new Date(Date.UTC(year, month - 1, date)).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
}

customElements.define("line-chart", LineChart);
