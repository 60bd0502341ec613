// <candle-chart src="/desk/chart/NQZ6/" topic="price.NQ" facts="user.7.trades …" [still]>
// Candles, volume and VWAP in the market's grey; the trader's own marks over them (marks.js).

import {
  CandlestickSeries, createChart, HistogramSeries, LineSeries,
} from "../vendor/lightweight-charts.standalone.production.mjs";
import { inTurn } from "./answer.js";
import { formats } from "./format.js";
import { Marks } from "./marks.js";
import { listen } from "./socket.js";
import { colours, onTheme } from "./theme.js";

const PAINT_MS = 250;
const ASK_AFTER_MS = 300;
const BREAK_S = 3000; // the exchange closes for an hour each day
const TOKENS = [
  "surface", "chart-axis", "chart-grid", "candle-up", "candle-up-line", "candle-down", "candle-down-line",
  "chart-last", "chart-volume", "chart-vwap", "line", "ink-mute",
];

class CandleChart extends HTMLElement {
  askInTurn = inTurn();

  connectedCallback() {
    this.box = this.querySelector('[data-part="box"]');
    this.seconds = 60;
    this.build();
    this.recolour();
    onTheme(() => this.recolour());
    this.addEventListener("click", (event) => this.choose(event.target.closest("[data-seconds]")));
    this.addEventListener("keydown", (event) => this.arrow(event));
    for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, (event) => this.point(event));
    const topic = this.getAttribute("topic");
    if (topic) this.stop = listen(topic, (said) => this.hear(said));
    for (const fact of (this.getAttribute("facts") ?? "").split(" ").filter(Boolean)) {
      listen(fact, (said) => said.kind !== "reading" && this.ask());
    }
    this.load();
  }

  build() {
    const zone = { timeZone: "America/Chicago", hourCycle: "h23", hour: "2-digit", minute: "2-digit" };
    const clock = new Intl.DateTimeFormat("en-GB", zone);
    const day = new Intl.DateTimeFormat("en-GB", { ...zone, day: "numeric", month: "short" });
    this.chart = createChart(this.box, {
      autoSize: true,
      layout: { attributionLogo: false }, // it would bring a style of its own; the page names the library
      localization: {
        timeFormatter: (at) => `${day.format(at * 1000)} CT`,
        priceFormatter: (price) => formats.price(price.toFixed(this.data?.decimals ?? 2)),
      },
      timeScale: {
        timeVisible: true, secondsVisible: false, rightOffset: 6, borderVisible: false,
        shiftVisibleRangeOnNewBar: true, tickMarkFormatter: (at) => clock.format(at * 1000),
      },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.08, bottom: 0.16 } },
      handleScroll: { vertTouchDrag: false },
    });
    this.volume = this.chart.addSeries(HistogramSeries, { priceScaleId: "", lastValueVisible: false, priceLineVisible: false, priceFormat: { type: "volume" } });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.88, bottom: 0 } });
    this.vwap = this.chart.addSeries(LineSeries, { lineWidth: 1, lastValueVisible: false, priceLineVisible: false, crosshairMarkerVisible: false, autoscaleInfoProvider: () => null });
    this.series = this.chart.addSeries(CandlestickSeries, { priceLineStyle: 1 });
    this.marks = new Marks((at) => this.find(at));
    this.marks.isStory = this.hasAttribute("still");
    this.series.attachPrimitive(this.marks);
    this.chart.subscribeCrosshairMove((move) => this.legend(move.logical));
  }

  recolour() {
    const c = colours(TOKENS);
    const font = getComputedStyle(document.body).fontFamily;
    this.chart.applyOptions({
      layout: { background: { color: c.surface }, textColor: c["chart-axis"], fontSize: 10, fontFamily: font, attributionLogo: false },
      grid: { vertLines: { visible: false }, horzLines: { color: c["chart-grid"] } },
      crosshair: { vertLine: { color: c["ink-mute"], labelBackgroundColor: c["ink-mute"] }, horzLine: { color: c["ink-mute"], labelBackgroundColor: c["ink-mute"] } },
    });
    this.series.applyOptions({
      upColor: c["candle-up"], borderUpColor: c["candle-up-line"], wickUpColor: c["candle-up-line"],
      downColor: c["candle-down"], borderDownColor: c["candle-down-line"], wickDownColor: c["candle-down-line"],
      priceLineColor: c["chart-last"], lastValueVisible: !this.hasAttribute("still"), priceLineVisible: !this.hasAttribute("still"),
    });
    this.volume.applyOptions({ color: c["chart-volume"] });
    this.vwap.applyOptions({ color: c["chart-vwap"] });
    this.marks.recolour();
  }

  async load() {
    const address = new URL(this.getAttribute("src"), location.href);
    address.searchParams.set("seconds", this.seconds);
    const data = await this.askInTurn(address);
    if (data?.seconds !== this.seconds) return; // other candles were chosen meanwhile
    const isFirst = !this.data || this.data.seconds !== this.seconds;
    const running = isFirst ? null : this.data.candles.at(-1);
    this.data = data;
    if (running && running[0] > (this.data.candles.at(-1)?.[0] ?? 0)) this.data.candles.push(running);
    this.draw(isFirst);
  }

  draw(isFirst) {
    const { candles, vwap, tick, decimals } = this.data;
    this.series.applyOptions({ priceFormat: { type: "price", minMove: tick, precision: decimals } });
    this.series.setData(candles.map(([time, open, high, low, close]) => ({ time, open, high, low, close })));
    this.volume.setData(candles.map(([time, , , , , value]) => ({ time, value })));
    this.vwap.setData(vwap.map(([time, value], index) => ({ time, value, ...hidden(vwap, index) })));
    this.marks.show(this.data, candles.at(-1)?.[4]);
    if (isFirst) this.frame(candles.length);
    this.legend(null);
    this.dataset.drawn = this.data.seconds; // what stands in the box now; the buttons say what was asked for
  }

  frame(length) {
    if (this.hasAttribute("still")) this.chart.timeScale().fitContent();
    else this.chart.timeScale().setVisibleLogicalRange({ from: length - Math.min(150, this.box.clientWidth / 6), to: length + 6 });
  }

  /** A fact was told: what is marked may have changed. */
  ask() {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.load();
    }, ASK_AFTER_MS);
  }

  /** The row that is pointed at brings its trade to the front. */
  point(event) {
    const of = event.target.closest?.(".trade-row[data-of]")?.dataset.of ?? null;
    if (of !== this.marks.pointed) this.marks.point(of);
  }

  hear(said) {
    if (said.kind !== "reading" || !said.candle || !this.data) return;
    this.said = said;
    this.painting ??= setTimeout(() => this.follow(), PAINT_MS);
  }

  /** Let the running candle follow the price; longer ones are made of their minutes. */
  follow() {
    this.painting = undefined;
    const { candle, vwap } = this.said;
    if (this.said.contract !== this.data.contract || !this.data.seconds) return;
    const minute = Date.parse(candle.at) / 1000;
    const time = minute - (minute % this.data.seconds);
    const [open, high, low, close, volume] = ["open", "high", "low", "close", "volume"].map((name) => Number(candle[name]));
    let bar = this.data.candles.at(-1);
    if (bar && time < bar[0]) return;
    if (!bar || time > bar[0]) {
      bar = [time, open, high, low, close, 0];
      this.data.candles.push(bar);
      this.closed = 0;
      this.extend(time);
    } else if (this.minute !== undefined && this.minute !== minute) this.closed = bar[5];
    else if (this.minute === undefined) this.closed = this.data.seconds === 60 ? 0 : bar[5];
    this.minute = minute;
    bar.splice(2, 4, Math.max(bar[2], high), Math.min(bar[3], low), close, (this.closed ?? 0) + volume);
    this.series.update({ time, open: bar[1], high: bar[2], low: bar[3], close });
    this.volume.update({ time, value: bar[5] });
    if (vwap) this.vwap.update({ time, value: Number(vwap) });
    this.marks.show(this.data, close);
    this.legend(null);
  }

  extend(time) {
    const last = this.data.sessions.at(-1);
    if (last) last.until = time;
  }

  /** The index of the candle that holds a moment; null before the first. */
  find(at) {
    const { candles } = this.data ?? { candles: [] };
    let [low, high] = [0, candles.length - 1];
    if (high < 0 || at < candles[0][0]) return null;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (candles[middle][0] <= at) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  legend(logical) {
    const bar = this.data?.candles[logical ?? this.data.candles.length - 1];
    const place = this.querySelector('[data-part="legend"]');
    if (!bar || !place) return;
    const words = ["O", "H", "L", "C"].map((name, index) => [name, formats.price(bar[index + 1].toFixed(this.data.decimals))]);
    const vwap = this.vwap.dataByIndex(logical ?? this.data.candles.length - 1)?.value;
    if (vwap) words.push(["VWAP", formats.price(vwap.toFixed(this.data.decimals))]);
    place.replaceChildren(...words.map(([name, value]) => part(name, value)));
  }

  choose(button) {
    if (!button || Number(button.dataset.seconds) === this.seconds) return;
    this.seconds = Number(button.dataset.seconds);
    this.minute = undefined;
    for (const one of this.querySelectorAll("[data-seconds]")) one.ariaChecked = String(one === button);
    this.load();
  }

  arrow(event) {
    const button = event.target.closest("[data-seconds]");
    const way = { ArrowRight: "nextElementSibling", ArrowLeft: "previousElementSibling" }[event.key];
    if (!button || !way || !button[way]) return;
    button[way].focus();
    this.choose(button[way]);
  }
}

/** Over the daily break the average begins anew: no line leads there. */
function hidden(line, index) {
  const after = line[index + 1];
  return after && after[0] - line[index][0] >= BREAK_S ? { color: "transparent" } : {};
}

function part(name, value) {
  const place = document.createElement("span");
  const bold = document.createElement("b");
  bold.textContent = value;
  place.append(`${name} `, bold);
  return place;
}

customElements.define("candle-chart", CandleChart);
