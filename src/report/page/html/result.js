// Runs: the table of all, and of the chosen one its numbers, charts, layers and units.

// blocks.3.attn.qkv -> blocks.*.attn.qkv: the same place in every block.
const placeOf = (name) => name.replace(/(^|[._/])\d+(?=$|[._/])/g, "$1*");
const GROUPINGS = [["place", "same place in every block"], ["kind", "kind of layer"], ["layer", "every layer"]];
function groupLayers(layers, how) {
  const key = { place: (l) => placeOf(l.name), kind: (l) => l.kind.replace(/_/g, " "), layer: (l) => l.name }[how];
  return [...groupBy(layers, key)].map(([name, members]) => ({ name: members.length > 1 ? `${name} × ${members.length}` : name, members }));
}
function addParts(rows, entriesOf) {
  const parts = new Map();
  for (const row of rows) for (const [name, value] of entriesOf(row)) parts.set(name, (parts.get(name) || 0) + value);
  return parts;
}

const RUN_COLUMNS = [
  { label: "machine", get: (r) => r.machine }, { label: "workload", get: (r) => r.workload }, { label: "mode", get: (r) => r.mode },
  { label: "latency (ms)", numeric: true, get: (r) => r.totals.latency_ms }, { label: "energy (mJ)", numeric: true, get: (r) => r.totals.energy_mj },
  { label: "power (W)", numeric: true, get: (r) => r.totals.average_power_w }, { label: "area (mm²)", numeric: true, get: (r) => r.totals.area_mm2 },
  { label: "GOP/s", numeric: true, get: (r) => r.totals.gops }, { label: "GOP/s/W", numeric: true, get: (r) => r.totals.gops_per_w },
  { label: "utilization (%)", numeric: true, get: (r) => 100 * r.totals.utilization },
  { label: "DRAM traffic (MB)", numeric: true, get: (r) => (r.totals.dram_read_bytes + r.totals.dram_write_bytes) / MEGA },
  { label: "attention (ms)", numeric: true, get: (r) => r.attention.latency_ms || null },
  { label: "values", get: (r) => (r.numerics.checked ? (r.numerics.passed ? "checked" : "outside tolerance") : "not computed") },
  { label: "file", get: (r) => r.file },
];

function layerColumns(run) {
  const ms = (cycles) => cycles / run.clock_mhz / 1e3;
  return [
    { label: "layer", get: (l) => l.name }, { label: "kind", get: (l) => l.kind },
    { label: "start (cycle)", numeric: true, get: (l) => l.start, show: (v) => v.toLocaleString("en-US") },
    { label: "span (cycles)", numeric: true, get: (l) => l.end - l.start, show: (v) => v.toLocaleString("en-US") },
    { label: "span (ms)", numeric: true, get: (l) => (run.clock_mhz ? ms(l.end - l.start) : null) },
    { label: "bound (cycles)", numeric: true, get: (l) => l.bound, show: (v) => v.toLocaleString("en-US") },
    { label: "bottleneck", get: (l) => l.bottleneck.replace(/_/g, " ") }, { label: "MACs (M)", numeric: true, get: (l) => l.macs / MEGA },
    { label: "MACs per DRAM byte", numeric: true, get: (l) => l.intensity || null },
    { label: "energy (µJ)", numeric: true, get: (l) => sum(Object.values(l.energy), (v) => v) / MEGA },
    { label: "DRAM read (kB)", numeric: true, get: (l) => l.dram_read / 1e3 }, { label: "DRAM written (kB)", numeric: true, get: (l) => l.dram_write / 1e3 },
    { label: "of it again (kB)", numeric: true, get: (l) => sum(Object.entries(l.moved).filter(([what]) => /refetch|halo/.test(what)), ([, v]) => v) / 1e3 },
    { label: "scratchpad read (kB)", numeric: true, get: (l) => l.sram_read / 1e3 }, { label: "scratchpad written (kB)", numeric: true, get: (l) => l.sram_write / 1e3 },
    ...(run.layers.some((l) => l.max_rel_error !== undefined) ? [{ label: "largest relative error", numeric: true, get: (l) => l.max_rel_error }, { label: "tolerance", numeric: true, get: (l) => l.tolerance }] : []),
    { label: "charged", get: (l) => (!l.executed ? "left out" : l.charged ? "yes" : "no") }, { label: "mapping", get: (l) => l.mapping },
  ];
}
const UNIT_COLUMNS = [
  { label: "unit", get: (u) => u.name }, { label: "kind", get: (u) => u.kind.replace(/_/g, " ") },
  { label: "busy (cycles)", numeric: true, get: (u) => u.busy, show: (v) => v.toLocaleString("en-US") },
  { label: "stalled (cycles)", numeric: true, get: (u) => sum(Object.values(u.stalls), (v) => v), show: (v) => v.toLocaleString("en-US") },
  { label: "idle (cycles)", numeric: true, get: (u) => u.idle, show: (v) => v.toLocaleString("en-US") },
  { label: "utilization (%)", numeric: true, get: (u) => 100 * u.utilization }, { label: "energy (µJ)", numeric: true, get: (u) => u.energy_pj / MEGA },
  { label: "area (mm²)", numeric: true, get: (u) => u.area_um2 / MEGA },
  { label: "actions", get: (u) => Object.entries(u.actions).filter(([, n]) => n > 0).map(([name, n]) => `${name.replace(/_/g, " ")} ${withPrefix(n, "")}`.trim()).join(", ") },
];

class ResultView {
  constructor(runs) {
    this.runs = runs;
    this.run = runs[0];
    this.grouping = "place";
    this.build();
  }

  build() {
    const grouping = () => choice("bars", GROUPINGS, this.grouping, (how) => { this.grouping = how; this.showLayers(); });
    this.stats = el("div", { class: "cards" });
    this.notes = el("p", { class: "note" });
    this.roofline = new ChartCard("Roofline", "", 430);
    this.time = new ChartCard("Where the time of each layer goes", "Cycles of a layer's span by what the machine waited for. Layers overlap, so the spans add up to more than the run.", 430, { controls: [grouping()] });
    this.units = new ChartCard("Units: busy, stalled, idle", "Share of all cycles of the run. Stalls are named by what the unit waited for.", 300);
    this.energy = new ChartCard("Energy by layer", "", 430);
    this.unitEnergy = new ChartCard("Energy by unit", "What is not charged to a unit (leakage of the whole machine) is a bar of its own.", 300);
    this.uncertainty = new ChartCard("Energy if a class of prices is 30 % off", "Energy of the run with one class at 0.7 and at 1.3 of its price, all else equal: the constants are good to about that (energy.knob_*).", 220);
    this.critical = new ChartCard("Critical path", "Cycles of the run by the unit (and its phase) that the run was waiting for.", 300);
    this.timeline = new ChartCard("Layer timeline", "A bar a layer, from its first job to its last, a lane a kind of layer, coloured by what the layer waited for most. Drag to zoom, double-click for the whole run.", 300, { wide: true });
    this.occupancy = new ChartCard("Unit timeline", "", 300, { wide: true });
    this.layerTable = el("section", { class: "card wide" });
    this.unitTable = el("section", { class: "card wide" });
    this.config = el("div");
    this.runTable = new DataTable(RUN_COLUMNS, { name: "runs", onpick: (run) => this.select(run) });
    this.element = el("section", { id: "runs" }, el("h2", {}, this.runs.length > 1 ? "Runs" : "Run"),
      this.runs.length > 1 ? el("div", {}, el("p", { class: "note" }, "Click a row: everything below is about that run."), this.runTable.element) : null,
      this.headline = el("h2", {}), this.notes, this.stats,
      el("div", { class: "grid" }, [this.roofline, this.time, this.units, this.energy, this.unitEnergy, this.uncertainty, this.critical, this.occupancy, this.timeline].map((c) => c.element), this.layerTable, this.unitTable),
      this.config);
  }
  start() {
    this.runTable.setRows(this.runs);
    this.runTable.pick(this.run);
  }

  select(run) {
    this.run = run;
    this.executed = run.layers.filter((l) => l.executed && l.end > l.start);
    this.headline.textContent = run.label;
    const left = run.not_charged.length ? ` Not charged by this machine's description: ${run.not_charged.join(", ").replace(/_/g, " ")}.` : "";
    this.notes.replaceChildren(el("code", {}, run.command || run.file), ` (seed ${run.seed}, version ${run.version}).${left}`);
    this.showStats();
    this.showRoofline();
    this.showLayers();
    this.showUnits();
    this.showOccupancy();
    this.showTimeline();
    this.showTables();
  }

  showStats() {
    const { totals, numerics, attention } = this.run, stats = [];
    const [macs, macsPrefix] = scaled(totals.macs);
    stats.push(stat("Latency", show(totals.latency_ms), "ms", `${totals.cycles.toLocaleString("en-US")} cycles at ${show(this.run.clock_mhz)} MHz`));
    stats.push(stat("Energy", show(totals.energy_mj), "mJ", attention.energy_mj ? `attention: ${show(attention.energy_mj)} mJ` : ""));
    stats.push(stat("Throughput", show(totals.gops), "GOP/s", `of ${show(this.run.peak_gops)} GOP/s at peak`));
    stats.push(stat("Efficiency", show(totals.gops_per_w), "GOP/s/W", "1 MAC = 2 operations"));
    stats.push(stat("MAC utilization", show(100 * totals.utilization, 3), "%", `${macs} ${macsPrefix}MACs`));
    stats.push(stat("Average power", show(totals.average_power_w), "W", totals.on_chip_power_w ? `on chip: ${show(totals.on_chip_power_w)} W` : ""));
    if (totals.area_mm2) stats.push(stat("Area", show(totals.area_mm2), "mm²"));
    stats.push(stat("DRAM traffic", show((totals.dram_read_bytes + totals.dram_write_bytes) / MEGA), "MB", `${show(totals.dram_read_bytes / MEGA)} read, ${show(totals.dram_write_bytes / MEGA)} written`));
    if (attention.latency_ms) stats.push(stat("Attention layers", show(attention.latency_ms), "ms", attention.gops ? `${show(attention.gops)} GOP/s` : ""));
    stats.push(numerics.checked ? stat("Values", numerics.passed ? "checked" : "wrong", "", `relative error ${show(numerics.max_rel_error, 2)}, cosine ${show(numerics.cosine_similarity, 6)}`, !numerics.passed)
      : stat("Values", "off", "", "timing only"));
    this.stats.replaceChildren(...stats);
  }

  showRoofline() {
    const run = this.run, seconds = (l) => (l.end - l.start) / run.clock_mhz / MEGA;
    const layers = run.clock_mhz ? this.executed.filter((l) => l.macs > 0 && l.intensity > 0) : [];
    const points = layers.map((l) => ({ x: l.intensity, y: (2e-9 * l.macs) / seconds(l), layer: l }));
    if (points.length === 0) { this.roofline.caption("No layer of this run has both MACs and DRAM traffic."); this.roofline.element.hidden = true; return; }
    this.roofline.element.hidden = false;
    const skipped = this.executed.length - points.length;
    this.roofline.caption(`A point a layer: MACs over its span, against MACs per byte from or to DRAM.${skipped ? ` ${skipped} layers without MACs or DRAM traffic are not shown.` : ""} Drag to zoom, double-click for all.`);
    const knee = run.dram_gb_s ? run.peak_gops / (2 * run.dram_gb_s) : 0;
    const xs = points.map((p) => p.x).concat(knee || []), low = Math.min(...xs) / 2.5, high = Math.max(...xs) * 2.5;
    const roof = knee ? [{ x: low, y: 2 * low * run.dram_gb_s }, { x: knee, y: run.peak_gops }, { x: high, y: run.peak_gops }] : [{ x: low, y: run.peak_gops }, { x: high, y: run.peak_gops }];
    const kinds = [...groupBy(points, (p) => p.layer.kind)];
    const name = `roof: ${knee ? `${show(run.dram_gb_s)} GB/s DRAM, ` : ""}${show(run.peak_gops)} GOP/s`;
    const lowest = Math.min(...points.map((p) => p.y));
    this.roofline.show(() => ({
      type: "scatter",
      data: { datasets: [
        ...kinds.map(([kind, data], k) => ({ label: kind.replace(/_/g, " "), data, backgroundColor: Theme.color(k) + "c0", borderColor: Theme.color(k), pointStyle: SHAPES[k % SHAPES.length], radius: 5.5, hoverRadius: 8, borderWidth: k % SHAPES.length >= 4 ? 2 : 1 })),
        { type: "line", label: name, data: roof, borderColor: Theme.css("--text"), borderWidth: 1.8, pointRadius: 0, pointHitRadius: 0, order: 9, pointStyle: "line" }] },
      options: { scales: { x: axis("MACs per DRAM byte", { log: true, min: low, max: high }), y: axis("GOP/s (1 MAC = 2 operations)", { log: true, min: lowest / 1.6, max: run.peak_gops * 1.8 }) },
        interaction: { mode: "nearest", intersect: true },
        plugins: { legend: legend({ labels: { usePointStyle: true, padding: 12, color: Theme.css("--text") } }), tooltip: tooltip({
          title: (items) => (items.length ? items[0].raw.layer.name : ""),
          label: (item) => [`${item.raw.layer.kind.replace(/_/g, " ")}: ${show(item.raw.y)} GOP/s at ${show(item.raw.x)} MACs/B`, `span ${show(1e3 * seconds(item.raw.layer))} ms, waits for ${item.raw.layer.bottleneck.replace(/_/g, " ") || "–"}`],
          footer: (items) => { const same = points.filter((p) => items.length && p.x === items[0].raw.x && p.y === items[0].raw.y).length; return same > 1 ? `and ${same - 1} more layers at this point` : ""; },
        }, { filter: (item, i) => i === 0 && item.raw.layer !== undefined }) } },
      zoom: "xy",
    }));
  }

  showLayers() {
    const groups = groupLayers(this.executed, this.grouping), ms = (cycles) => cycles / this.run.clock_mhz / 1e3;
    const clocked = this.run.clock_mhz > 0;
    stackedBars(this.time, groups.map(({ name, members }) => ({ name, parts: addParts(members, (l) => Object.entries(l.split).map(([cause, cycles]) => [cause, clocked ? ms(cycles) : cycles])) })),
      clocked ? "time (ms)" : "cycles", (v) => (clocked ? `${show(v)} ms` : `${show(v)} cycles`));
    const total = sum(Object.values(this.run.energy), (v) => v);
    this.energy.caption(`Energy of the run by part of the machine: ${Object.entries(this.run.energy).map(([name, v]) => `${name} ${total ? show((100 * v) / total, 3) : 0} %`).join(", ")}.`);
    const energetic = groups.filter(({ members }) => members.some((l) => Object.values(l.energy).some((v) => v > 0)));
    this.energy.element.hidden = energetic.length === 0;
    const rows = energetic.map(({ name, members }) => ({ name, parts: addParts(members, (l) => Object.entries(l.energy)) }));
    const [size, unit] = energyUnit(Math.max(0, ...rows.map((row) => sum([...row.parts.values()], (v) => v))));
    for (const row of rows) for (const [part, pj] of row.parts) row.parts.set(part, pj / size);
    stackedBars(this.energy, rows, `energy (${unit})`, (v) => picojoules(v * size));
  }

  showUnits() {
    const units = this.run.units, pretty = (u) => u.name.replace(/_/g, " ");
    stackedBars(this.units, units.map((u) => ({ name: pretty(u), parts: new Map([["busy", u.busy], ...Object.entries(u.stalls).map(([cause, cycles]) => [cause, cycles]), ["idle", u.idle]]) })),
      "share of the run's cycles", (v) => `${v.toLocaleString("en-US")} cycles`, { percentOfRow: true });
    const rows = units.filter((u) => u.energy_pj > 0).map((u) => ({ name: pretty(u), energy: u.energy_pj }));
    if (this.run.energy.leakage > 0) rows.push({ name: "leakage", energy: this.run.energy.leakage });
    this.unitEnergy.element.hidden = rows.length === 0;
    rows.sort((a, b) => b.energy - a.energy);
    const [size, unit] = energyUnit(rows.length ? rows[0].energy : 0);
    plainBars(this.unitEnergy, rows.map((r) => [r.name, r.energy / size]), `energy (${unit})`, (v) => picojoules(v * size));
    const energy = this.run.energy, total = sum(Object.values(energy), (v) => v), [whole, wholeUnit] = energyUnit(total);
    const classes = [["PEs and lanes", energy.compute], ["SRAM", energy.sram], ["NoC", energy.noc], ["DRAM", energy.dram]].filter(([, pj]) => pj > 0);
    this.uncertainty.element.hidden = classes.length === 0;
    if (classes.length) plainBars(this.uncertainty, classes.map(([name, pj]) => [name, [(total - 0.3 * pj) / whole, (total + 0.3 * pj) / whole]]), `energy (${wholeUnit})`, ([low, high]) => `${picojoules(low * whole)} to ${picojoules(high * whole)}`);
    const path = Object.entries(this.run.critical_path).sort((a, b) => b[1] - a[1]);
    this.critical.element.hidden = path.length === 0;
    if (path.length) plainBars(this.critical, path.map(([name, cycles]) => [name.replace(/_/g, " ").replace(".", ": "), cycles]), "cycles", (v) => `${v.toLocaleString("en-US")} cycles (${show((100 * v) / this.run.totals.cycles, 3)} %)`);
  }

  // A lane a unit; neighbouring bins of one shade are one bar.
  showOccupancy() {
    const run = this.run, clocked = run.clock_mhz > 0, at = (cycle) => (clocked ? cycle / run.clock_mhz / 1e3 : cycle);
    const units = run.units.filter((u) => u.occupied && u.occupied.length > 0), end = run.totals.cycles, shades = [0.25, 0.5, 0.75, 1];
    this.occupancy.element.hidden = units.length === 0;
    if (units.length === 0) return;
    this.occupancy.caption(`Share of each ${run.bin_cycles.toLocaleString("en-US")} cycles in which a unit held a job. Drag to zoom, double-click for the whole run.`);
    const bars = shades.map(() => []);
    for (const unit of units) {
      let open = null;
      unit.occupied.forEach((cycles, i) => {
        const from = i * run.bin_cycles, to = Math.min(end, from + run.bin_cycles), share = cycles / Math.max(1, to - from);
        const shade = cycles === 0 ? -1 : shades.findIndex((most) => share <= most + 1e-9);
        if (open && open.shade === shade) { open.to = to; open.cycles += cycles; return; }
        open = { unit: unit.name, shade, from, to, cycles };
        if (shade >= 0) bars[shade].push(open);
      });
    }
    this.occupancy.show(() => ({
      type: "bar",
      data: { labels: units.map((u) => u.name), datasets: shades.map((most, k) => ({ label: `to ${100 * most} %`, backgroundColor: Theme.color(0) + ["40", "78", "b4", "ff"][k], grouped: false, minBarLength: 1, barPercentage: 0.8,
        data: bars[k].map((b) => ({ x: [at(b.from), at(b.to)], y: b.unit, bar: b })) })) },
      options: { indexAxis: "y", scales: { x: axis(clocked ? "time (ms)" : "cycle", { min: 0, max: at(end) }), y: categories("", { ticks: { callback(v) { return this.getLabelForValue(v).replace(/_/g, " "); } } }) },
        interaction: { mode: "nearest", intersect: true },
        plugins: { legend: legend(), tooltip: tooltip({ title: (items) => (items.length ? items[0].raw.bar.unit.replace(/_/g, " ") : ""), label: (item) => {
          const b = item.raw.bar; return `${show(at(b.from), 5)} to ${show(at(b.to), 5)} ${clocked ? "ms" : "cycles"}: ${show((100 * b.cycles) / (b.to - b.from), 3)} % occupied`; } }, { filter: (item, i) => i === 0 }) } },
      zoom: "x",
    }), units.length * 26 + 115);
  }

  showTimeline() {
    const run = this.run, clocked = run.clock_mhz > 0, at = (cycle) => (clocked ? cycle / run.clock_mhz / 1e3 : cycle);
    const kinds = [...new Set(this.executed.map((l) => l.kind))], causes = [...groupBy(this.executed, (l) => l.bottleneck || "none")];
    this.timeline.element.hidden = this.executed.length === 0;
    this.timeline.show(() => ({
      type: "bar",
      data: { labels: kinds, datasets: causes.map(([cause, layers], k) => ({ label: cause.replace(/_/g, " "), backgroundColor: Theme.named(cause, k), borderColor: Theme.css("--card"), borderWidth: 0.5, borderSkipped: false, grouped: false, minBarLength: 1, barPercentage: 0.8,
        data: layers.map((l) => ({ x: [at(l.start), at(l.end)], y: l.kind, layer: l })) })) },
      options: { indexAxis: "y", scales: { x: axis(clocked ? "time (ms)" : "cycle", { min: 0, max: at(run.totals.cycles) }), y: categories("", { ticks: { callback(v) { return this.getLabelForValue(v).replace(/_/g, " "); } } }) },
        interaction: { mode: "nearest", intersect: true },
        plugins: { legend: legend(), tooltip: tooltip({ title: (items) => (items.length ? items[0].raw.layer.name : ""), label: (item) => {
          const l = item.raw.layer; return [`${show(at(l.start), 5)} to ${show(at(l.end), 5)} ${clocked ? "ms" : "cycles"} (${(l.end - l.start).toLocaleString("en-US")} cycles)`, `waits most for ${(l.bottleneck || "nothing").replace(/_/g, " ")}`]; } }, { filter: (item, i) => i === 0 }) } },
      zoom: "x",
    }), kinds.length * 30 + 115);
  }

  showTables() {
    this.layers = new DataTable(layerColumns(this.run), { name: "layers" });
    this.layerTable.replaceChildren(el("h3", {}, "Layers"), this.layers.element);
    this.layers.setRows(this.run.layers);
    this.unitRows = new DataTable(UNIT_COLUMNS, { name: "units" });
    this.unitTable.replaceChildren(el("h3", {}, "Units"), this.unitRows.element);
    this.unitRows.setRows(this.run.units);
    const hashes = [["config SHA-256", this.run.config_sha256], ["workload SHA-256", this.run.workload_sha256]].filter(([, hash]) => hash);
    this.config.replaceChildren(el("details", {}, el("summary", {}, `Resolved configuration (${this.run.config.length} values)`), details([...hashes, ...this.run.config])));
  }
}

// Horizontal bars of one colour. rows: [name, value].
function plainBars(card, rows, title, format) {
  card.show(() => ({
    type: "bar",
    data: { labels: rows.map((r) => r[0]), datasets: [{ data: rows.map((r) => r[1]), backgroundColor: Theme.color(0), barPercentage: 0.8 }] },
    options: { indexAxis: "y", scales: { x: axis(title), y: categories("", { ticks: { callback(v) { return cut(this.getLabelForValue(v)); } } }) }, interaction: { mode: "y", intersect: false },
      plugins: { legend: { display: false }, tooltip: tooltip({ label: (item) => format(rows[item.dataIndex][1]) }) } },
  }), Math.max(150, rows.length * 25 + 60));
}
