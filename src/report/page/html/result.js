// Runs: the table of all, and of the chosen one its numbers, charts, layers and units.

// blocks.3.attn.qkv -> blocks.*.attn.qkv: the same place in every block.
const placeOf = (name) => name.replace(/(^|[._/])\d+(?=$|[._/])/g, "$1*");
const GROUPINGS = [["place", "same place in every block"], ["kind", "kind of layer"], ["layer", "every layer"]];
function groupLayers(layers, how) {
  const key = { place: (l) => placeOf(l.name), kind: (l) => l.shownKind.replace(/_/g, " "), layer: (l) => l.name }[how];
  return [...groupBy(layers, key)].map(([name, members]) => ({ name: members.length > 1 ? `${name} × ${members.length}` : name, members }));
}
function addParts(rows, entriesOf) {
  const parts = new Map();
  for (const row of rows) for (const [name, value] of entriesOf(row)) parts.set(name, (parts.get(name) || 0) + value);
  return parts;
}

// A run as the charts take it, from its result as the file has it; null is "not measured".
function layerOf(l) {
  const bytes = l.bytes || {}, moved = Object.entries(bytes.dram_by_cause || {});
  return { raw: l, name: l.name, kind: l.kind, shownKind: l.attention ? `${l.kind} (${l.attention})` : l.kind, mapping: l.mapping_text ?? (typeof l.mapping === "string" ? l.mapping : ""), charged: l.charged ?? true, executed: l.executed ?? true,
    start: l.start_cycle, end: l.end_cycle, prefetch: l.prefetch || { cycles: 0 }, macs: l.macs || 0, energy: l.energy_breakdown_pj || { compute: l.energy_pj || 0 },
    dram_read: bytes.dram_read || 0, dram_write: bytes.dram_write || 0, sram_read: bytes.sram_read || 0, sram_write: bytes.sram_write || 0,
    intensity: l.macs_per_dram_byte || 0, moved: moved.flatMap(([operand, causes]) => Object.entries(causes || {}).map(([cause, count]) => [`${operand}, ${cause}`, count])),
    bottleneck: l.bottleneck || "", bound: l.bound_cycles || 0, split: l.time_split || {}, max_rel_error: l.numerics ? l.numerics.max_rel_error : undefined };
}
function unitOf(u, occupied) {
  return { raw: u, name: u.name, kind: u.kind || "", busy: u.busy_cycles, idle: u.idle_cycles, stalls: u.stall_cycles || {}, actions: u.actions || {},
    utilization: u.utilization || 0, energy_pj: u.energy_pj || 0, area_um2: u.area_um2 || 0, occupied: occupied || [] };
}
function runOf(item) {
  const { config, ...d } = item.result, manifest = d.manifest || {}, timeline = d.timeline || {}, occupied = new Map(Object.entries(timeline.occupied_cycles || {}));
  return { ...item, result: d, config: leaves(config || {}).map(([path, value]) => [path.join("."), value]), workload: d.workload.name, mode: d.mode || "inference", command: manifest.command || "", version: manifest.version || "", seed: manifest.seed ?? "",
    images: (d.batch && d.batch.images) || 1, totals: d.totals, attention: d.attention_totals || {}, numerics: d.numerics || {}, energy: d.energy_breakdown_pj || {},
    critical_path: d.critical_path_cycles || {}, power: d.power, parts: d.parts || [], bin_cycles: timeline.bin_cycles || 0, not_charged: d.not_charged || [], training: d.training, what_if: d.what_if || [],
    choices: d.attention_choices || [], layers: d.layers.map(layerOf), units: d.units.map((u) => unitOf(u, occupied.get(u.name))) };
}

const bytesMoved = (t) => (t.dram_read_bytes || 0) + (t.dram_write_bytes || 0);
const RUN_COLUMNS = [
  { label: "machine", get: (r) => r.machine }, { label: "workload", get: (r) => r.workload }, { label: "mode", get: (r) => r.mode }, { label: "images", numeric: true, get: (r) => r.images },
  { label: "latency (ms)", numeric: true, get: (r) => r.totals.latency_ms }, { label: "energy (mJ)", numeric: true, get: (r) => r.totals.energy_mj },
  { label: "power (W)", numeric: true, get: (r) => r.totals.average_power_w }, { label: "area (mm²)", numeric: true, get: (r) => r.totals.area_mm2 || null },
  { label: "GOP/s", numeric: true, get: (r) => r.totals.gops }, { label: "GOP/s/W", numeric: true, get: (r) => r.totals.gops_per_w },
  { label: "utilization (%)", numeric: true, get: (r) => 100 * r.totals.utilization },
  { label: "DRAM traffic (MB)", numeric: true, get: (r) => bytesMoved(r.totals) / MEGA },
  { label: "attention (ms)", numeric: true, get: (r) => r.attention.latency_ms || null },
  { label: "values", get: (r) => (r.numerics.checked ? (r.numerics.passed ? "checked" : "outside tolerance") : "not computed") },
  { label: "file", get: (r) => r.file },
];

// A device (roofline, host) takes time; its cycles, area and power on chip mean nothing.
const OF_NO_DEVICE = /cycle|time_split|area_|on_chip|sram|noc_/;
// Columns for everything in the rows' JSON that no column above shows, so that the page leaves nothing out.
function otherColumns(run, rows, shown) {
  const columns = new Map();
  for (const row of rows) {
    for (const [path, value] of leaves(row.raw)) {
      const name = path.join(".");
      if (shown.some((above) => name === above || name.startsWith(`${above}.`)) || (run.is_device && OF_NO_DEVICE.test(name))) continue;
      if (!columns.has(name)) columns.set(name, { label: name, numeric: true, get: (r) => leafAt(r.raw, path) });
      if (value !== null && typeof value !== "number") columns.get(name).numeric = false;
    }
  }
  return [...columns.values()];
}
const count = (label, get) => ({ label, numeric: true, get, show: (v) => (v === null || v === undefined ? "–" : v.toLocaleString("en-US")) });

const LAYER_FIELDS = ["prefetch.start_cycle", "prefetch.cycles", "prefetch.exposed_cycles", "name", "kind", "attention", "mapping_text", "charged", "executed", "start_cycle", "end_cycle", "macs", "energy_pj", "bottleneck", "bound_cycles", "macs_per_dram_byte",
  "bytes.dram_read", "bytes.dram_write", "bytes.sram_read", "bytes.sram_write", "numerics.max_rel_error"];
function layerColumns(run) {
  const ms = (cycles) => cycles / run.clock_mhz / 1e3, timed = run.clock_mhz > 0;
  const cycles = run.is_device ? [] : [count("start (cycle)", (l) => l.start), count("end (cycle)", (l) => l.end), count("span (cycles)", (l) => l.end - l.start), count("bound (cycles)", (l) => l.bound)];
  const prefetch = run.is_device ? [] : [count("prefetch from (cycle)", (l) => l.prefetch.start_cycle), count("prefetch (cycles)", (l) => l.prefetch.cycles), count("of it exposed (cycles)", (l) => l.prefetch.exposed_cycles)];
  const scratchpad = run.is_device ? [] : [{ label: "scratchpad read (kB)", numeric: true, get: (l) => l.sram_read / 1e3 }, { label: "scratchpad written (kB)", numeric: true, get: (l) => l.sram_write / 1e3 }];
  return [
    { label: "layer", get: (l) => l.name }, { label: "kind", get: (l) => l.shownKind }, ...cycles,
    { label: "start (ms)", numeric: true, get: (l) => (timed ? ms(l.start) : null) }, { label: "span (ms)", numeric: true, get: (l) => (timed ? ms(l.end - l.start) : null) },
    { label: "bottleneck", get: (l) => l.bottleneck.replace(/_/g, " ") }, { label: "MACs (M)", numeric: true, get: (l) => l.macs / MEGA },
    { label: "DRAM bytes over bound", numeric: true, get: (l) => (l.raw.dram_lower_bound_bytes ? ((l.raw.bytes?.dram_read || 0) + (l.raw.bytes?.dram_write || 0)) / l.raw.dram_lower_bound_bytes : null) },
    { label: "MACs per DRAM byte", numeric: true, get: (l) => l.intensity || null },
    { label: "energy (µJ)", numeric: true, get: (l) => sum(Object.values(l.energy), (v) => v) / MEGA },
    { label: "DRAM read (kB)", numeric: true, get: (l) => l.dram_read / 1e3 }, { label: "DRAM written (kB)", numeric: true, get: (l) => l.dram_write / 1e3 },
    { label: "of it again (kB)", numeric: true, get: (l) => sum(l.moved.filter(([what]) => /refetch|halo/.test(what)), ([, v]) => v) / 1e3 }, ...scratchpad, ...prefetch,
    ...(run.layers.some((l) => l.max_rel_error !== undefined) ? [{ label: "largest relative error", numeric: true, get: (l) => l.max_rel_error }] : []),
    { label: "charged", get: (l) => (!l.executed ? "left out" : l.charged ? "yes" : "no") }, { label: "mapping", get: (l) => l.mapping },
    ...otherColumns(run, run.layers, LAYER_FIELDS),
  ];
}
const UNIT_FIELDS = ["name", "kind", "busy_cycles", "idle_cycles", "utilization", "energy_pj", "area_um2"];
function unitColumns(run) {
  const cycles = run.is_device ? [] : [count("busy (cycles)", (u) => u.busy), count("stalled (cycles)", (u) => sum(Object.values(u.stalls), (v) => v)), count("idle (cycles)", (u) => u.idle)];
  return [
    { label: "unit", get: (u) => u.name }, { label: "kind", get: (u) => u.kind.replace(/_/g, " ") }, ...cycles,
    { label: "utilization (%)", numeric: true, get: (u) => 100 * u.utilization }, { label: "energy (µJ)", numeric: true, get: (u) => u.energy_pj / MEGA },
    ...(run.is_device ? [] : [{ label: "area (mm²)", numeric: true, get: (u) => u.area_um2 / MEGA }]), ...otherColumns(run, run.units, UNIT_FIELDS),
  ];
}
// What has a table, a chart or a list of its own: the rest of the result is listed by name.
const SHOWN_ELSEWHERE = ["layers", "units", "parts", "power.w", "timeline", "training.phases", "training.errors", "what_if", "attention_choices"];
function otherValues(run) {
  return leaves(run.result).map(([path, value]) => [path.join("."), Array.isArray(value) ? value.join(" ") : value])
    .filter(([name]) => !SHOWN_ELSEWHERE.some((part) => name === part || name.startsWith(`${part}.`)) && !(run.is_device && OF_NO_DEVICE.test(name)));
}

class ResultView {
  constructor(runs) {
    this.runs = runs;
    this.run = runs[0];
    this.grouping = "place";
    this.folding = true;
    this.build();
  }

  build() {
    const grouping = () => choice("bars", GROUPINGS, this.grouping, (how) => { this.grouping = how; this.showLayers(); });
    this.stats = el("div", { class: "cards" });
    this.notes = el("p", { class: "note" });
    this.roofline = new ChartCard("Roofline", "", 430);
    this.time = new ChartCard("Time by layer", "Cycles of a layer's span by what the run spent them on; in overlap it waited for another layer.", 430, { controls: [grouping()] });
    this.units = new ChartCard("Units: busy, stalled, idle", "Share of all cycles of the run. Stalls are named by what the unit waited for.", 300);
    this.energy = new ChartCard("Energy by layer", "", 430);
    this.unitEnergy = new ChartCard("Energy by unit", "What is not charged to a unit (leakage of the whole machine) is a bar of its own.", 300);
    this.uncertainty = new ChartCard("Energy if a class of prices is 30 % off", "Energy of the run with one class at 0.7 and at 1.3 of its price, all else equal (energy.knob_*). The ranges of power and energy take each class within its own factor (energy.factor_*).", 220);
    this.critical = new ChartCard("Critical path", "Cycles of the run by the unit (and its phase) that the run was waiting for.", 300);
    this.timeline = new ChartCard("Layer timeline", "A bar a layer, from its first job that computes to its last result, a lane a kind of layer, coloured by where most of its time went (overlap: into other layers); what was loaded before is prefetch, in the table. Drag to zoom, double-click for the whole run.", 300, { wide: true });
    this.occupancy = new ChartCard("Unit timeline", "", 300, { wide: true });
    this.power = new ChartCard("Power over time", "", 260, { wide: true });
    this.traffic = new ChartCard("DRAM traffic by layer", "Bytes on the DRAM bus by what they are and why they moved.", 430);
    this.phases = new ChartCard("Training step", "", 200);
    this.whatIf = new ChartCard("What if a resource were doubled", "Speedup by simulation of each machine.", 260);
    this.tables = el("div", { class: "wide stack" });
    this.layerTable = el("section", { class: "card wide rows" });
    this.unitTable = el("section", { class: "card wide rows" });
    this.config = el("div");
    this.runTable = new DataTable(RUN_COLUMNS, { name: "runs", onpick: (run) => this.select(run) });
    this.element = el("section", { id: "runs" }, el("h2", {}, this.runs.length > 1 ? "Runs" : "Run"),
      this.runs.length > 1 ? el("div", {}, el("p", { class: "note" }, "Click a row: everything below is about that run."), this.runTable.element) : null,
      this.headline = el("h2", {}), this.notes, this.stats,
      el("div", { class: "grid" }, [this.roofline, this.time, this.units, this.energy, this.unitEnergy, this.uncertainty, this.critical, this.traffic, this.phases, this.whatIf, this.occupancy, this.power, this.timeline].map((c) => c.element), this.tables, this.layerTable, this.unitTable),
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
    const random = run.numerics.seeded_weights > 0 ? " Weights are random: densities and approximation errors are not a trained model's." : "";
    this.notes.replaceChildren(el("code", {}, run.command || run.file), ` (seed ${run.seed}, version ${run.version}).${left}${random}`);
    this.showStats();
    this.showRoofline();
    this.showLayers();
    this.showUnits();
    this.showOccupancy();
    this.showPower();
    this.showTimeline();
    this.showTraffic();
    this.showStep();
    this.showTables();
  }

  showStats() {
    const within = (ends) => (ends ? ` (${show(ends[0])} to ${show(ends[1])})` : "");
    const { totals, numerics, attention } = this.run, stats = [];
    const [macs, macsPrefix] = scaled(totals.macs);
    stats.push(stat("Latency", show(totals.latency_ms), "ms", this.run.is_device ? "" : `${totals.cycles.toLocaleString("en-US")} cycles at ${show(this.run.clock_mhz)} MHz`));
    if (this.run.images > 1) stats.push(stat("Batch", show(this.run.images), "images", `${show(totals.latency_ms / this.run.images)} ms an image`));
    stats.push(stat("Energy", show(totals.energy_mj), "mJ", [within(totals.energy_mj_range).trim(), attention.energy_mj ? `attention: ${show(attention.energy_mj)} mJ` : ""].filter(Boolean).join("; ")));
    stats.push(stat("Throughput", show(totals.gops), "GOP/s", `of ${show(this.run.peak_gops)} GOP/s at peak`));
    stats.push(stat("Efficiency", show(totals.gops_per_w), "GOP/s/W", "1 MAC = 2 operations"));
    stats.push(stat("MAC utilization", show(100 * totals.utilization, 3), "%", `${macs} ${macsPrefix}MACs`));
    stats.push(stat("Average power", show(totals.average_power_w), "W", totals.on_chip_power_w && !this.run.is_device ? `on chip: ${show(totals.on_chip_power_w)} W${within(totals.on_chip_power_w_range)}` : within(totals.power_w_range)));
    if (totals.area_mm2 && !this.run.is_device) stats.push(stat("Area", show(totals.area_mm2), "mm²"));
    stats.push(stat("DRAM traffic", show(bytesMoved(totals) / MEGA), "MB", `${show((totals.dram_read_bytes || 0) / MEGA)} read, ${show((totals.dram_write_bytes || 0) / MEGA)} written`));
    if (attention.latency_ms) stats.push(stat("Attention layers", show(attention.latency_ms), "ms", attention.gops ? `${show(attention.gops)} GOP/s` : ""));
    stats.push(numerics.checked ? stat("Values", numerics.passed ? "checked" : "wrong", "", `relative error ${show(numerics.max_rel_error, 2)}, cosine ${show(numerics.cosine_similarity, 6)}`, !numerics.passed)
      : stat("Values", "off", "", "timing only"));
    this.stats.replaceChildren(...stats);
  }

  showRoofline() {
    const run = this.run, seconds = (l) => (l.prefetch.cycles + l.end - l.start) / run.clock_mhz / MEGA;
    const layers = run.clock_mhz ? this.executed.filter((l) => l.macs > 0 && l.intensity > 0) : [];
    const points = layers.map((l) => ({ x: l.intensity, y: (2e-9 * l.macs) / seconds(l), layer: l }));
    if (points.length === 0) { this.roofline.caption("No layer of this run has both MACs and DRAM traffic."); this.roofline.element.hidden = true; return; }
    this.roofline.element.hidden = false;
    const skipped = this.executed.length - points.length;
    this.roofline.caption(`A point a layer: MACs over its span and what it prefetched, against MACs per byte from or to DRAM.${skipped ? ` ${skipped} layers without MACs or DRAM traffic are not shown.` : ""} Drag to zoom, double-click for all.`);
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
          label: (item) => [`${item.raw.layer.kind.replace(/_/g, " ")}: ${show(item.raw.y)} GOP/s at ${show(item.raw.x)} MACs/B`, `${show(1e3 * seconds(item.raw.layer))} ms with prefetch, waits for ${item.raw.layer.bottleneck.replace(/_/g, " ") || "–"}`],
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
    this.units.element.hidden = this.run.is_device;
    if (!this.run.is_device) stackedBars(this.units, units.map((u) => ({ name: pretty(u), parts: new Map([["busy", u.busy], ...Object.entries(u.stalls).map(([cause, cycles]) => [cause, cycles]), ["idle", u.idle]]) })),
      "share of the run's cycles", (v) => `${v.toLocaleString("en-US")} cycles`, { percentOfRow: true });
    const rows = units.filter((u) => u.energy_pj > 0).map((u) => ({ name: pretty(u), energy: u.energy_pj }));
    if (this.run.energy.leakage > 0) rows.push({ name: "leakage", energy: this.run.energy.leakage });
    this.unitEnergy.element.hidden = rows.length === 0;
    rows.sort((a, b) => b.energy - a.energy);
    const [size, unit] = energyUnit(rows.length ? rows[0].energy : 0);
    plainBars(this.unitEnergy, rows.map((r) => [r.name, r.energy / size]), `energy (${unit})`, (v) => picojoules(v * size));
    const energy = this.run.energy, total = sum(Object.values(energy), (v) => v), [whole, wholeUnit] = energyUnit(total);
    const classes = [["PEs, lanes, registers", energy.compute], ["SRAM", energy.sram], ["NoC", energy.noc], ["DRAM", energy.dram]].filter(([, pj]) => pj > 0);
    const bars = classes.length > 0 && !this.run.is_device;
    this.uncertainty.element.hidden = !bars;
    if (bars) plainBars(this.uncertainty, classes.map(([name, pj]) => [name, [(total - 0.3 * pj) / whole, (total + 0.3 * pj) / whole]]), `energy (${wholeUnit})`, ([low, high]) => `${picojoules(low * whole)} to ${picojoules(high * whole)}`);
    const path = Object.entries(this.run.critical_path).sort((a, b) => b[1] - a[1]);
    this.critical.element.hidden = path.length === 0;
    const part = (v) => (100 * v) / this.run.totals.cycles;
    this.critical.caption(`Share of the run by the unit (and its phase) that the run was waiting for.`);
    if (path.length) plainBars(this.critical, path.map(([name, cycles]) => [name.replace(/_/g, " ").replace(".", ": "), part(cycles)]), "share of the run (%)", (v) => `${show(v, 3)} %`);
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
      options: { indexAxis: "y", scales: { x: axis(clocked ? "time (ms)" : "cycle", { min: 0, max: at(end) }), y: names() },
        interaction: { mode: "nearest", intersect: true },
        plugins: { legend: legend(), tooltip: tooltip({ title: (items) => (items.length ? items[0].raw.bar.unit.replace(/_/g, " ") : ""), label: (item) => {
          const b = item.raw.bar; return `${show(at(b.from), 5)} to ${show(at(b.to), 5)} ${clocked ? "ms" : "cycles"}: ${show((100 * b.cycles) / (b.to - b.from), 3)} % occupied`; } }, { filter: (item, i) => i === 0 }) } },
      zoom: "x",
    }), units.length * 26 + 115);
  }

  showPower() {
    const run = this.run, clocked = run.clock_mhz > 0, at = (cycle) => (clocked ? cycle / run.clock_mhz / 1e3 : cycle);
    const power = run.power && run.power.w.length > 0 ? run.power : null;
    this.power.element.hidden = !power;
    if (!power) return;
    this.power.caption(`Mean of each ${power.bin_cycles.toLocaleString("en-US")} cycles, DRAM included; at most ${show(power.peak_w)} W. A job's energy is spread over the time in which it holds its unit, leakage over all of it.`);
    const steps = power.w.map((w, i) => ({ x: at(i * power.bin_cycles), y: w }));
    steps.push({ x: at(run.totals.cycles), y: power.w[power.w.length - 1] });
    this.power.show(() => ({
      type: "scatter",
      data: { datasets: [{ type: "line", label: "power", data: steps, stepped: "before", borderColor: Theme.color(0), borderWidth: 1.5, pointRadius: 0, pointHitRadius: 4 }] },
      options: { scales: { x: axis(clocked ? "time (ms)" : "cycle", { min: 0, max: at(run.totals.cycles) }), y: axis("power (W)", { min: 0 }) },
        plugins: { legend: { display: false }, tooltip: tooltip({ label: (item) => `${show(item.raw.y)} W from ${show(item.raw.x, 5)} ${clocked ? "ms" : "cycles"}` }) } },
      zoom: "x",
    }));
  }

  showTimeline() {
    const run = this.run, clocked = run.clock_mhz > 0, at = (cycle) => (clocked ? cycle / run.clock_mhz / 1e3 : cycle);
    const cycles = (l) => (run.is_device ? "" : ` (${(l.end - l.start).toLocaleString("en-US")} cycles)`);
    const kinds = [...new Set(this.executed.map((l) => l.kind))], causes = [...groupBy(this.executed, (l) => l.bottleneck || "none")];
    this.timeline.element.hidden = this.executed.length === 0;
    this.timeline.show(() => ({
      type: "bar",
      data: { labels: kinds, datasets: causes.map(([cause, layers], k) => ({ label: cause.replace(/_/g, " "), backgroundColor: Theme.named(cause, k), borderColor: Theme.css("--card"), borderWidth: 0.5, borderSkipped: false, grouped: false, minBarLength: 1, barPercentage: 0.8,
        data: layers.map((l) => ({ x: [at(l.start), at(l.end)], y: l.kind, layer: l })) })) },
      options: { indexAxis: "y", scales: { x: axis(clocked ? "time (ms)" : "cycle", { min: 0, max: at(run.totals.cycles) }), y: names() },
        interaction: { mode: "nearest", intersect: true },
        plugins: { legend: legend(), tooltip: tooltip({ title: (items) => (items.length ? items[0].raw.layer.name : ""), label: (item) => {
          const l = item.raw.layer; return [`${show(at(l.start), 5)} to ${show(at(l.end), 5)} ${clocked ? "ms" : "cycles"}${cycles(l)}`, `waits most for ${(l.bottleneck || "nothing").replace(/_/g, " ")}`]; } }, { filter: (item, i) => i === 0 }) } },
      zoom: "x",
    }), kinds.length * 30 + 115);
  }

  showTraffic() {
    const groups = groupLayers(this.executed, this.grouping).filter(({ members }) => members.some((l) => l.moved.length));
    const rows = groups.map(({ name, members }) => ({ name, parts: addParts(members, (l) => l.moved.map(([what, count]) => [what.replace(/_/g, " "), count / 1e3])) }));
    this.traffic.element.hidden = rows.length === 0;
    if (rows.length) stackedBars(this.traffic, rows, "DRAM bytes (kB)", (v) => `${show(v)} kB`);
  }

  showStep() {
    const run = this.run, phases = (run.training && run.training.phases) || [], asked = run.what_if.filter((w) => w.cycles >= 0);
    const at = (cycles) => (run.clock_mhz ? cycles / run.clock_mhz / 1e3 : cycles), unit = run.clock_mhz ? "ms" : "cycles";
    this.phases.element.hidden = phases.length === 0;
    if (phases.length) {
      this.phases.caption(`${run.training.optimizer || ""}: ${show(run.training.time_per_step_ms)} ms a step, ${show(run.training.images_per_second)} images/s; ${show((run.training.saved_activation_bytes || 0) / MEGA)} MB of activations kept in DRAM.`);
      plainBars(this.phases, phases.map((p) => [p.name, at(p.cycles)]), unit === "ms" ? "time (ms)" : "cycles", (v) => `${show(v)} ${unit}`);
    }
    this.whatIf.element.hidden = asked.length === 0;
    if (asked.length) plainBars(this.whatIf, asked.map((w) => [`${w.resource} ${w.change || ""}`, w.cycles ? run.totals.cycles / w.cycles : 1]), "speedup (×)", (v) => `${show(v)} ×`);
  }

  showTables() {
    const run = this.run, lists = [["Phases of the training step", run.training && run.training.phases], ["Errors of the training step", run.training && run.training.errors],
      ["Parts of the chip, energy without the DRAM's", run.parts], ["What if a resource were doubled (cycles -1: infeasible)", run.what_if], ["Attention chosen by cycles (-1: infeasible)", run.choices]];
    this.tables.replaceChildren(...lists.filter(([, list]) => list && list.length).map(([title, list]) => {
      const rows = list.map((raw) => ({ raw })), table = new DataTable(otherColumns(run, rows, []), { name: title });
      table.setRows(rows);
      return el("section", { class: "card wide rows" }, el("h3", {}, title), table.element);
    }));
    this.showLayerTable();
    this.unitRows = new DataTable(unitColumns(run), { name: "units" });
    this.unitTable.replaceChildren(el("h3", {}, "Units"), this.unitRows.element);
    this.unitRows.setRows(run.units);
    const others = otherValues(run);
    this.config.replaceChildren(el("details", { class: "others" }, el("summary", {}, `Everything else in the result (${others.length} values)`), details(others)),
      el("details", {}, el("summary", {}, `Resolved configuration (${run.config.length} values)`), details(run.config)));
  }

  showLayerTable() {
    const run = this.run, folded = foldEqualBlocks(run.layers), foldable = folded.length < run.layers.length;
    const rows = () => (foldable && this.folding ? folded : run.layers.map((layer) => ({ ...layer, times: 1 })));
    const [name, ...columns] = layerColumns(run);
    this.layers = new DataTable(foldable ? [name, count("times", (l) => l.times), ...columns] : [name, ...columns], { name: "layers",
      controls: foldable ? [toggle("equal blocks as one", this.folding, (folding) => { this.folding = folding; this.layers.setRows(rows()); })] : [] });
    this.layerTable.replaceChildren(...[el("h3", {}, "Layers"), foldable ? el("p", { class: "caption" }, "A row stands for layers of equal blocks: values are one layer's, start and end the first one's, errors the largest.") : null, this.layers.element].filter(Boolean));
    this.layers.setRows(rows());
  }
}

// Horizontal bars of one colour. rows: [name, value].
function plainBars(card, rows, title, format) {
  card.show(() => ({
    type: "bar",
    data: { labels: rows.map((r) => r[0]), datasets: [{ data: rows.map((r) => r[1]), backgroundColor: Theme.color(0), barPercentage: 0.8 }] },
    options: { indexAxis: "y", scales: { x: axis(title), y: names() }, interaction: { mode: "y", intersect: false },
      plugins: { legend: { display: false }, tooltip: tooltip({ label: (item) => format(rows[item.dataIndex][1]) }) } },
  }), Math.max(150, rows.length * 25 + 60));
}
