// Cards with a chart of Chart.js in them, and what all charts share: axes with units, tooltips, zoom by dragging.

// A card: title, controls, a plot of the given height, a caption. draw(canvas) makes the Chart; again on a new theme.
class ChartCard {
  constructor(title, caption, height, { wide = false, controls = [], small = false } = {}) {
    this.canvas = el("canvas", { role: "img", "aria-label": title });
    this.plot = el("div", { class: "plot", style: `height:${height}px` }, this.canvas);
    this.captionLine = el("p", { class: "caption" }, caption || "");
    this.buttons = el("span", {}, small ? null : el("button", { title: "Save this chart as a picture", onclick: () => this.save(title) }, "PNG"));
    this.element = el("section", { class: wide ? "card wide" : "card" },
      el("div", { class: "head" }, el("h3", {}, title), controls, this.buttons), this.captionLine, this.plot);
    this.chart = null;
    this.config = null;
    ChartCard.all.push(this);
  }
  // config(): a Chart.js config in the theme's colours.
  show(config, height) {
    this.config = config;
    this.leastHeight = height;  // of a chart with a row a name
    if (height) this.plot.style.height = `${height}px`;
    this.redraw();
  }
  redraw() {
    if (!this.config) return;
    const config = this.config();
    if (this.chart) this.chart.destroy();
    wrapTitles(config.options.scales, this.plot.clientWidth, this.plot.clientHeight);
    this.chart = new Chart(this.canvas, config);
    if (config.zoom) makeZoomable(this, config.zoom);
  }
  toPaper(width) {
    this.plot.style.width = `${width}px`;
    this.plot.style.maxHeight = `${Math.max(width > 500 ? 380 : 300, this.leastHeight || 0)}px`;
    this.redraw();
  }
  toScreen() { this.plot.style.width = this.plot.style.maxHeight = ""; }
  caption(text) { this.captionLine.textContent = text; }
  save(title) {
    const picture = el("canvas", { width: this.canvas.width, height: this.canvas.height });
    const context = picture.getContext("2d");
    context.fillStyle = Theme.css("--card");
    context.fillRect(0, 0, picture.width, picture.height);
    context.drawImage(this.canvas, 0, 0);
    download(`${title.replace(/[^\w]+/g, "_")}.png`, picture.toDataURL("image/png"));
  }
}
ChartCard.all = [];
Theme.redraw.push(() => ChartCard.all.forEach((card) => { if (card.element.isConnected) card.redraw(); }));

// Chart.js squeezes the letters of a title that is longer than its axis: it gets a second line.
function wrapTitles(scales, width, height) {
  const context = el("canvas").getContext("2d");
  context.font = `${Chart.defaults.font.size}px ${Chart.defaults.font.family}`;
  for (const [name, scale] of Object.entries(scales || {})) {
    const text = scale.title?.text, room = name === "x" ? width * 0.55 : height - 165;
    if (typeof text === "string" && context.measureText(text).width > room) scale.title.text = twoLines(text);
  }
}
// Apart at the blank nearest to the middle.
function twoLines(text) {
  const blanks = [...text].flatMap((c, i) => (c === " " ? [i] : []));
  if (blanks.length === 0) return text;
  const middle = blanks.reduce((a, b) => (Math.abs(b - text.length / 2) < Math.abs(a - text.length / 2) ? b : a));
  return [text.slice(0, middle), text.slice(middle + 1)];
}
// Air between a legend and the highest tick, which may stand above the axis.
const legendAir = {
  id: "legendAir",
  beforeInit(chart) {
    if (!chart.legend) return;
    const fit = chart.legend.fit;
    chart.legend.fit = function () { fit.call(this); if (this.height > 0) this.height += 6; };
  },
};
Chart.register(legendAir);

// Drag a box to look closer, double-click for the whole. axes: "x" or "xy".
function makeZoomable(card, axes) {
  const canvas = card.canvas;
  let from = null, box = null;
  const place = (event) => {
    const area = card.chart.chartArea, frame = canvas.getBoundingClientRect();
    return { x: Math.min(Math.max(event.clientX - frame.left, area.left), area.right),
      y: Math.min(Math.max(event.clientY - frame.top, area.top), area.bottom) };
  };
  const edges = (to) => {
    const area = card.chart.chartArea;
    return { left: Math.min(from.x, to.x), right: Math.max(from.x, to.x),
      top: axes === "x" ? area.top : Math.min(from.y, to.y), bottom: axes === "x" ? area.bottom : Math.max(from.y, to.y) };
  };
  canvas.onpointerdown = (event) => {
    if (event.button !== 0) return;
    from = place(event);
    canvas.setPointerCapture(event.pointerId);
  };
  canvas.onpointermove = (event) => {
    if (!from) return;
    const e = edges(place(event));
    if (!box && e.right - e.left > 6) card.plot.append(box = el("div", { class: "zoombox" }));
    if (box) box.style.cssText = `left:${e.left}px;top:${e.top}px;width:${e.right - e.left}px;height:${e.bottom - e.top}px`;
  };
  canvas.onpointerup = (event) => {
    if (from && box) {
      const e = edges(place(event)), scales = card.chart.scales, options = card.chart.options.scales;
      if (e.right - e.left > 6 && (axes === "x" || e.bottom - e.top > 6)) {
        const x = [scales.x.getValueForPixel(e.left), scales.x.getValueForPixel(e.right)];
        const y = [scales.y.getValueForPixel(e.bottom), scales.y.getValueForPixel(e.top)];
        Object.assign(options.x, { min: Math.min(...x), max: Math.max(...x) });
        if (axes === "xy") Object.assign(options.y, { min: Math.min(...y), max: Math.max(...y) });
        card.chart.update();
        card.justZoomed = true;
        setTimeout(() => { card.justZoomed = false; }, 50);
      }
      box.remove();
    }
    from = box = null;
  };
  canvas.onpointercancel = () => { if (box) box.remove(); from = box = null; };
  canvas.ondblclick = () => card.redraw();
}

// 1, 2 and 5 times a power of ten; only the powers where the axis spans more than three of them.
function logTick(value) {
  const power = Math.floor(Math.log10(value) + 1e-9), exact = value / 10 ** power, lead = Math.round(exact);
  const decades = Math.log10(this.max / this.min);
  if (Math.abs(exact - lead) > 1e-6) return "";
  return lead === 1 || (decades < 3.5 && (lead === 2 || lead === 5)) || decades < 0.6 ? show(value) : "";
}
// Round numbers at or above a value: 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten.
function niceAbove(value) {
  if (!(value > 0)) return undefined;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((step) => step * power >= value * (1 - 1e-9));
}
// The range of values with some air; Chart.js would go to the next 1, 2 or 5.
function logRange(values) {
  let low = Infinity, high = 0;
  for (const value of values) { low = Math.min(low, value); high = Math.max(high, value); }
  if (!(high > 0)) return {};
  const air = Math.max(1.12, (high / low) ** 0.03);
  return { min: low / air, max: high * air };
}
function energyUnit(largest) { return largest >= 2e9 ? [1e9, "mJ"] : largest >= 2e6 || largest === 0 ? [1e6, "µJ"] : largest >= 2e3 ? [1e3, "nJ"] : [1, "pJ"]; }
function axis(title, { log = false, stacked = false, percent: isPercent = false, grid = true, position, ...more } = {}) {
  return { type: log ? "logarithmic" : "linear", stacked, position, title: { display: Boolean(title), text: title, color: Theme.css("--text") },
    grid: { color: Theme.css("--grid"), borderColor: Theme.css("--soft"), display: grid },
    ticks: { maxRotation: 0, autoSkipPadding: 14, callback: log ? logTick : isPercent ? (v) => `${show(v)} %` : (v) => show(v) }, ...more };
}
function categories(title, { stacked = false, ...more } = {}) {
  return { type: "category", stacked, title: { display: Boolean(title), text: title, color: Theme.css("--text") },
    grid: { display: false, borderColor: Theme.css("--soft") }, ticks: { autoSkip: false, maxRotation: 0 }, ...more };
}
function tooltip(callbacks, more) {
  return { backgroundColor: Theme.css("--text"), titleColor: Theme.css("--card"), bodyColor: Theme.css("--card"), footerColor: Theme.css("--card"),
    padding: 9, boxPadding: 4, usePointStyle: true, titleFont: { weight: "600" }, footerFont: { weight: "normal" }, callbacks, ...more };
}
const legend = (more) => ({ position: "top", align: "start", labels: { boxWidth: 13, boxHeight: 13, padding: 12, color: Theme.css("--text") }, ...more });
// Names beside bars: on a narrow chart in a smaller type and where need be in two lines, never wider than Chart.js lets an axis be. The end of a name
// says more than its beginning.
const nameFont = (context) => ({ size: context.chart.width < 460 ? 10.5 : 12.5 });
function nameTick(value) {
  const text = this.getLabelForValue(value).replace(/_/g, " "), context = this.ctx, room = Math.min(240, this.chart.width / 2 - 16);
  context.save();
  context.font = `${nameFont(this).size}px ${Chart.defaults.font.family}`;
  const wide = (words) => context.measureText(words).width > room;
  const shown = (words) => {
    let from = 0;
    while (from < words.length && wide(from ? `…${words.slice(from)}` : words)) ++from;
    return from ? `…${words.slice(from)}` : words;
  };
  const lines = wide(text) ? [twoLines(text)].flat().map(shown) : text;
  context.restore();
  return lines;
}
const names = (more) => categories("", { ...more, ticks: { autoSkip: false, maxRotation: 0, font: nameFont, callback: nameTick } });
const cut = (text, length = 34) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

// Horizontal stacked bars. rows: [{name, parts: Map(name -> value)}]; value texts by format(value).
function stackedBars(card, rows, title, format, { percentOfRow = false } = {}) {
  const parts = new Set(rows.flatMap((row) => [...row.parts.keys()]));
  const used = [...parts].filter((name) => rows.some((row) => row.parts.get(name) > 0));
  const ranks = [...FIXED.keys()];
  used.sort((a, b) => (ranks.indexOf(a) + 1 || 99) - (ranks.indexOf(b) + 1 || 99));
  const totals = rows.map((row) => sum([...row.parts.values()], (v) => v));
  const drawn = (row, i, name) => { const v = row.parts.get(name) || 0; return percentOfRow ? (totals[i] ? (100 * v) / totals[i] : 0) : v; };
  card.show(() => ({
    type: "bar",
    data: { labels: rows.map((row) => row.name), datasets: used.map((name, k) => ({ label: name.replace(/_/g, " "), data: rows.map((row, i) => drawn(row, i, name)),
      backgroundColor: Theme.named(name, k), borderColor: Theme.css("--card"), borderWidth: { right: 1 }, borderSkipped: false, barPercentage: 0.86, categoryPercentage: 0.95, key: name })) },
    options: { indexAxis: "y", scales: { x: axis(title, { stacked: true, percent: percentOfRow, max: percentOfRow ? 100 : undefined }),
      y: names({ stacked: true }) },
      interaction: { mode: "y", intersect: false },
      plugins: { legend: legend(), tooltip: tooltip({
        label: (item) => { const value = rows[item.dataIndex].parts.get(item.dataset.key) || 0, total = totals[item.dataIndex];
          return `${item.dataset.label}: ${format(value)}${total ? ` (${show((100 * value) / total, 3)} %)` : ""}`; },
        footer: (items) => (items.length ? `total: ${format(totals[items[0].dataIndex])}` : "") },
      { filter: (item) => (rows[item.dataIndex].parts.get(item.dataset.key) || 0) > 0 }) } },
  }), Math.max(170, rows.length * 23 + 105));
}
