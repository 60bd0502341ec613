// <path-chart src="/signals/…/path/" facts="user.7.trades"> : best of both tracks and worst in R, candle by candle.

import uPlot from "../vendor/uPlot.esm.js";
import { inTurn } from "./answer.js";
import { formats } from "./format.js";
import { listen } from "./socket.js";
import { colours, onTheme } from "./theme.js";

const HEIGHT = 170;
const ASK_AFTER_MS = 400;

class PathChart extends HTMLElement {
  askInTurn = inTurn();

  connectedCallback() {
    this.box = this.querySelector('[data-part="box"]');
    for (const topic of (this.getAttribute("facts") ?? "").split(" ").filter(Boolean)) {
      listen(topic, (said) => said.kind !== "reading" && this.ask());
    }
    onTheme(() => this.draw());
    this.watch = new ResizeObserver(() => this.plot?.setSize({ width: this.box.clientWidth, height: HEIGHT }));
    this.watch.observe(this.box);
    this.load();
  }

  disconnectedCallback() {
    this.watch?.disconnect();
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

  draw() {
    if (!this.data?.at.length) return;
    const c = colours(["profit", "loss", "chart-series-2", "chart-axis", "chart-grid"]);
    const font = `10px ${getComputedStyle(document.body).fontFamily}`;
    const axis = { stroke: c["chart-axis"], font, grid: { stroke: c["chart-grid"], width: 1 }, ticks: { show: false } };
    const in_r = (plot, value) => (value === null || value === undefined ? "–" : formats.r(value.toFixed(4)));
    const line = (label, stroke, dash) => ({ label, stroke, width: 1.5, dash, points: { show: this.data.at.length < 3 }, value: in_r });
    this.plot?.destroy();
    this.plot = new uPlot(
      {
        width: this.box.clientWidth,
        height: HEIGHT,
        tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "America/Chicago"),
        fmtDate: () => (moment) => `${two(moment.getHours())}:${two(moment.getMinutes())}`,
        cursor: { y: false, drag: { x: false } },
        axes: [{ ...axis, grid: { show: false } }, { ...axis, size: 44, values: (plot, all) => all.map((one) => `${formats.signed(one.toFixed(1))} R`) }],
        series: [
          { label: "CT", value: "{HH}:{mm}" },
          line("best, fixed stop", c["chart-series-2"], [4, 3]),
          line("best, break-even", c.profit),
          line("worst", c.loss),
        ],
      },
      [this.data.at, this.data.no_be, this.data.be, this.data.worst],
      this.box,
    );
  }
}

const two = (number) => String(number).padStart(2, "0");

customElements.define("path-chart", PathChart);
