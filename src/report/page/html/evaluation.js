// Evaluations of trained models: accuracy by kind of attention and on the machine, what each attention layer does to it, what an image costs.

const inPercent = (value) => (value === null || value === undefined ? null : 100 * value);
const share = (label, get) => ({ label, numeric: true, get: (row) => inPercent(get(row)), show: (v) => (v === null ? "–" : v.toFixed(2)) });
const ofSome = (rows, columns) => columns.filter((c) => rows.some((row) => (c.get(row) ?? null) !== null));

// Fields that the views below show under names of their own.
const ACCURACY_FIELDS = ["attention", "name", "precision", "images", "top1", "top1_low", "top1_high", "top5", "top5_low", "top5_high", "agreement_with_softmax", "agreement_with_reference", "layers", "saturated_by_layer"];
const ATTENTION_FIELDS = ["name", "attention", "scores_below_minus_one", "z_max_rel_error", "z_cosine_similarity", "mask_density", "mask_kept_density"];
function accuracyColumns(rows) {
  return [{ label: "attention", get: (r) => r.name }, ...ofSome(rows, [share("top-1 (%)", (r) => r.raw.top1), share("top-1 from", (r) => r.raw.top1_low), share("top-1 to", (r) => r.raw.top1_high),
    share("top-5 (%)", (r) => r.raw.top5), share("top-5 from", (r) => r.raw.top5_low), share("top-5 to", (r) => r.raw.top5_high), share("as softmax says (%)", (r) => r.raw.agreement_with_softmax),
    share("as the reference says (%)", (r) => r.raw.agreement_with_reference)]), count("images", (r) => r.images), { label: "computed", get: (r) => r.how }, ...otherColumns({ is_device: false }, rows, ACCURACY_FIELDS)];
}
// Measures of an attention layer: name of the choice, title of the axis, value.
const ATTENTION_MEASURES = [
  ["scores below -1", "scores below -1 (%)", (l) => inPercent(l.scores_below_minus_one)], ["error of Z", "largest error of Z, over the largest value", (l) => l.z_max_rel_error],
  ["cosine of Z", "cosine of Z against softmax", (l) => l.z_cosine_similarity], ["mask density", "entries of the map that are executed (%)", (l) => inPercent(l.mask_density)],
  ["kept density", "entries of the map that the predictor keeps (%)", (l) => inPercent(l.mask_kept_density)],
];
function attentionColumns(rows) {
  return [{ label: "layer", get: (r) => r.raw.name }, { label: "attention", get: (r) => r.kind },
    ...ofSome(rows, [{ label: "own kind", get: (r) => r.raw.attention }, share("scores below -1 (%)", (r) => r.raw.scores_below_minus_one), { label: "error of Z", numeric: true, get: (r) => r.raw.z_max_rel_error },
      { label: "cosine of Z", numeric: true, get: (r) => r.raw.z_cosine_similarity, show: (v) => show(v, 6) }, share("mask density (%)", (r) => r.raw.mask_density), share("kept (%)", (r) => r.raw.mask_kept_density)]),
    ...otherColumns({ is_device: false }, rows, ATTENTION_FIELDS)];
}

// A line from the low to the high end of an interval over each bar: dataset.intervals.
const whiskers = {
  id: "whiskers",
  afterDatasetsDraw(chart) {
    const context = chart.ctx, x = chart.scales.x;
    context.save();
    context.strokeStyle = Theme.css("--text");
    context.lineWidth = 1.4;
    chart.data.datasets.forEach((dataset, k) => {
      if (chart.getDatasetMeta(k).hidden) return;
      chart.getDatasetMeta(k).data.forEach((bar, i) => {
        const ends = dataset.intervals && dataset.intervals[i];
        if (!ends) return;
        const [low, high] = ends.map((end) => x.getPixelForValue(end)), cap = Math.min(5, bar.height / 3);
        context.beginPath();
        context.moveTo(low, bar.y), context.lineTo(high, bar.y);
        for (const end of [low, high]) context.moveTo(end, bar.y - cap), context.lineTo(end, bar.y + cap);
        context.stroke();
      });
    });
    context.restore();
  },
};

class EvaluationView {
  constructor(item, id) {
    this.document = item.evaluation;
    this.e = item.evaluation.evaluation;
    this.m = this.e.machine;
    const manifest = this.document.manifest || {}, name = this.document.workload.name;
    this.rows = this.e.kinds.map((raw) => ({ raw, name: raw.attention, how: "reference, in double", images: this.e.images }));
    if (this.m) this.rows.push({ raw: this.m, name: `${this.m.attention} on ${this.m.name}`, how: `${this.m.name}, ${this.m.precision}`, images: this.m.images });
    this.layers = this.e.kinds.flatMap((kind) => kind.layers.map((raw) => ({ raw, kind: kind.attention })));
    this.measures = ATTENTION_MEASURES.filter(([, , get]) => this.layers.some((row) => (get(row.raw) ?? null) !== null));
    this.measure = this.measures.length ? this.measures[0][0] : "";
    const asked = () => choice("show", this.measures.map(([measure]) => [measure, measure]), this.measure, (measure) => { this.measure = measure; this.drawLayers(); });
    this.accuracy = new ChartCard("Accuracy", "", 300, { wide: true });
    this.byLayer = new ChartCard("Attention by layer", "Over heads and images, on the inputs that the layer has in that evaluation. A score below -1 has a negative weight in Taylor attention; Z is held against softmax on the same Q, K and V.", 300,
      { wide: true, controls: this.measures.length > 1 ? [asked()] : [] });
    this.saturated = new ChartCard("Saturated results by layer", "Results of the machine that lay beyond the scales, which come from other images.", 200, { wide: true });
    this.table = new DataTable(accuracyColumns(this.rows), { name: "accuracy" });
    this.layerTable = new DataTable(attentionColumns(this.layers), { name: "attention layers" });
    const others = this.others();
    this.element = el("section", { id }, el("h2", {}, `Accuracy: ${name}`), el("p", { class: "note" }, el("code", {}, manifest.command || item.file), manifest.version ? ` (version ${manifest.version})` : ""),
      el("div", { class: "cards" }, this.stats()),
      el("div", { class: "grid" }, this.accuracy.element, el("section", { class: "card wide rows" }, el("h3", {}, "Accuracy in numbers"), this.table.element), this.byLayer.element,
        this.layers.length ? el("section", { class: "card wide rows" }, el("h3", {}, "Attention layers"), this.layerTable.element) : null, this.saturated.element),
      el("details", { class: "others" }, el("summary", {}, `Everything else in the evaluation (${others.length} values)`), details(others)));
  }
  start() {
    this.table.setRows(this.rows);
    this.layerTable.setRows(this.layers);
    this.drawAccuracy();
    this.drawLayers();
    this.drawSaturated();
  }
  // What has no table and no chart, by name.
  others() {
    const { kinds, machine, ...rest } = this.e;
    return leaves({ ...this.document, evaluation: rest }).map(([path, value]) => [path.join("."), Array.isArray(value) ? value.join(" ") : value]);
  }

  stats() {
    const { m, e } = this, interval = (r) => (r.top1_low === undefined ? "" : `95 %: ${show(100 * r.top1_low)} to ${show(100 * r.top1_high)}`);
    const cards = [stat("Images", show(e.images), "", `${show(e.classes)} classes`), ...e.kinds.filter((kind) => kind.top1 !== undefined).map((kind) => stat(`Top-1, ${kind.attention.replace(/_/g, " ")}`, show(100 * kind.top1), "%", interval(kind)))];
    if (!m) return cards;
    const of = (what) => [m[what], m.depends_on_data && m[`${what}_p5`] !== undefined ? `p5 to p95: ${show(m[`${what}_p5`])} to ${show(m[`${what}_p95`])}` : "an image"];
    if (m.top1 !== undefined) cards.push(stat(`Top-1 on ${m.name}`, show(100 * m.top1), "%", `${interval(m)}, ${show(m.images)} images`));
    if (m.agreement_with_reference !== undefined) cards.push(stat("Same class as the reference", show(100 * m.agreement_with_reference), "%", m.logits_max_rel_error === undefined ? "" : `largest error of a logit ${show(m.logits_max_rel_error, 3)} of the largest`));
    cards.push(stat("Saturated", show(m.saturated), m.saturated === 1 ? "result" : "results", `scales from ${show(m.calibration_images || 0)} other images`));
    for (const [name, what, unit] of [["Cycles", "cycles", ""], ["Latency", "latency_ms", "ms"], ["Energy", "energy_mj", "mJ"]])
      if (m[what] !== undefined) cards.push(stat(name, what === "cycles" ? Math.round(m[what]).toLocaleString("en-US") : show(m[what]), unit, of(what)[1]));
    if (m.mask_density !== undefined) cards.push(stat("Mask density", show(100 * m.mask_density), "%", "of the maps' entries, executed"));
    return cards;
  }

  drawAccuracy() {
    const all = [["top-1", (r) => r.top1, (r) => [r.top1_low, r.top1_high]], ["top-5", (r) => r.top5, (r) => [r.top5_low, r.top5_high]], ["as softmax says", (r) => r.agreement_with_softmax, null], ["as the reference says", (r) => r.agreement_with_reference, null]];
    const series = all.map((entry, k) => [...entry, k]).filter(([, get]) => this.rows.some((row) => get(row.raw) !== undefined));
    this.accuracy.element.hidden = series.length === 0;
    if (!series.length) return;
    this.accuracy.caption(`Share of the images.${series.some(([, , , k]) => k < 2) ? " Lines: intervals of 95 % (Wilson)." : ""}`);
    const ends = (row, interval) => { const [low, high] = interval(row.raw); return low === undefined || high === undefined ? null : [100 * low, 100 * high]; };
    this.accuracy.show(() => ({
      type: "bar",
      data: { labels: this.rows.map((row) => row.name), datasets: series.map(([label, get, interval, k]) => ({ label, data: this.rows.map((row) => inPercent(get(row.raw))), intervals: interval ? this.rows.map((row) => ends(row, interval)) : null, backgroundColor: Theme.color(k), barPercentage: 0.9, categoryPercentage: 0.8, skipNull: true })) },
      options: { indexAxis: "y", scales: { x: axis("images (%)", { min: 0, max: 100 }), y: names() }, interaction: { mode: "y", intersect: false },
        plugins: { legend: legend(), tooltip: tooltip({ label: (item) => { const interval = item.dataset.intervals && item.dataset.intervals[item.dataIndex]; return `${item.dataset.label}: ${show(item.raw)} %${interval ? ` (${show(interval[0])} to ${show(interval[1])})` : ""}`; } }, { filter: (item) => item.raw !== null }) } },
      plugins: [whiskers],
    }), Math.max(190, this.rows.length * (series.length * 15 + 16) + 110));
  }

  drawLayers() {
    this.byLayer.element.hidden = this.measures.length === 0;
    if (!this.measures.length) return;
    const [, title, get] = this.measures.find(([name]) => name === this.measure), layers = [...new Set(this.layers.map((row) => row.raw.name))];
    const value = (kind, name) => { const row = this.layers.find((l) => l.kind === kind && l.raw.name === name); return row ? get(row.raw) ?? null : null; };
    const kinds = this.e.kinds.map((kind, k) => [kind.attention, layers.map((name) => value(kind.attention, name)), k]).filter(([, values]) => values.some((v) => v !== null));
    this.byLayer.show(() => ({
      type: "bar",
      data: { labels: layers, datasets: kinds.map(([kind, values, k]) => ({ label: kind.replace(/_/g, " "), data: values, backgroundColor: Theme.color(k), barPercentage: 0.9, categoryPercentage: 0.8 })) },
      options: { indexAxis: "y", scales: { x: axis(title, { beginAtZero: this.measure !== "cosine of Z" }), y: names() }, interaction: { mode: "y", intersect: false },
        plugins: { legend: legend(), tooltip: tooltip({ label: (item) => `${item.dataset.label}: ${show(item.raw)}` }, { filter: (item) => item.raw !== null }) } },
    }), Math.max(190, layers.length * (kinds.length * 12 + 12) + 110));
  }

  drawSaturated() {
    const rows = Object.entries((this.m && this.m.saturated_by_layer) || {});
    this.saturated.element.hidden = rows.length === 0;
    if (rows.length) plainBars(this.saturated, rows, "results", (v) => `${v.toLocaleString("en-US")} results`);
  }
}
