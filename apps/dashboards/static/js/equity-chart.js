// <equity-chart src="/performance/curve/"> : all nets so far at the close of each day; what lies under its peak is the drawdown.

import { LineChart } from "./line-chart.js";
import { colours, faded } from "./theme.js";

class EquityChart extends LineChart {
  /** One point a day, and the start at 0. */
  points() {
    const { days, equity, peak } = this.data;
    return [[0, ...days.map((_, place) => place + 1)], [0, ...equity.map(Number)], [0, ...peak.map(Number)]];
  }

  named(place) {
    return place > this.data.days.length ? "" : super.named(place);
  }

  lines(value) {
    const c = colours(["chart-series-1", "chart-series-2", "loss"]);
    return {
      series: [
        { label: "net", stroke: c["chart-series-1"], width: 1.5, points: { show: this.isDotted() }, value },
        { label: "peak", stroke: c["chart-series-2"], width: 1, dash: [4, 3], points: { show: false }, value },
      ],
      bands: [{ series: [2, 1], fill: faded(c.loss, 0.16) }],
      hooks: {},
    };
  }
}

customElements.define("equity-chart", EquityChart);
