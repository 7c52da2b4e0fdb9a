// Numbers, units and elements. Text from the data reaches the page as text nodes or on a canvas only.
const MEGA = 1e6;

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) node.setAttribute(name, value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined) node.append(child);
  return node;
}

// Four significant digits, thousands apart; very large and very small ones with an exponent.
function show(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (typeof value !== "number") return String(value);
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e12 || size < 1e-4) return value.toExponential(digits - 1).replace("e+", "e");
  const decimals = Number.isInteger(value) ? 0 : Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return value.toLocaleString("en-US", { maximumFractionDigits: Math.min(decimals, 12), useGrouping: true });
}
const percent = (value) => (value === null || value === undefined ? "–" : show(100 * value, 3) + " %");

// 1234567 -> ["1.235", "M"]
function scaled(value) {
  for (const [size, prefix] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]])
    if (Math.abs(value) >= size) return [show(value / size), prefix];
  return [show(value), ""];
}
const withPrefix = (value, unit) => { const [text, prefix] = scaled(value); return `${text} ${prefix}${unit}`; };

function picojoules(value) {
  for (const [size, unit] of [[1e9, "mJ"], [1e6, "µJ"], [1e3, "nJ"]]) if (value >= size) return `${show(value / size)} ${unit}`;
  return `${show(value)} pJ`;
}

// What the totals of a sweep mean; names that are not here are shown as they are.
const METRICS = new Map(Object.entries({
  cycles: ["cycles", "", "min"], latency_ms: ["latency", "ms", "min"], energy_mj: ["energy", "mJ", "min"],
  average_power_w: ["average power", "W", "min"], on_chip_power_w: ["on-chip power", "W", "min"],
  area_mm2: ["area", "mm²", "min"], macs: ["MACs", "", "min"], gops: ["throughput", "GOP/s", "max"],
  gops_per_w: ["efficiency", "GOP/s/W", "max"], utilization: ["MAC utilization", "", "max"],
  dram_read_bytes: ["DRAM read", "B", "min"], dram_write_bytes: ["DRAM written", "B", "min"],
  sram_read_bytes: ["scratchpad read", "B", "min"], sram_write_bytes: ["scratchpad written", "B", "min"],
  noc_byte_hops: ["NoC traffic", "byte hops", "min"], "attention.cycles": ["attention cycles", "", "min"],
  "attention.latency_ms": ["attention latency", "ms", "min"], "attention.energy_mj": ["attention energy", "mJ", "min"],
  max_abs_error: ["largest absolute error", "", "min"], max_rel_error: ["largest relative error", "", "min"],
  cosine_similarity: ["cosine similarity", "", "max"], within_tolerance: ["within tolerance", "", "max"],
  "approximation.max_rel_error": ["largest error of Taylor against softmax", "", "min"],
  "approximation.cosine_similarity": ["cosine of Taylor and softmax", "", "max"],
}));
function metric(name) {
  const [label, unit, better] = METRICS.get(name) || [name, "", "min"];
  return { name, label, unit, better, title: unit ? `${label} (${unit})` : label };
}

// Everything in a JSON value: [path, value] of each scalar and of each list of scalars.
function leaves(value, path = []) {
  if (Array.isArray(value) && value.every((v) => v === null || typeof v !== "object")) return [[path, value]];
  if (value !== null && typeof value === "object") return Object.entries(value).flatMap(([key, item]) => leaves(item, [...path, key]));
  return [[path, value]];
}
const leafAt = (value, path) => path.reduce((at, key) => (at !== null && typeof at === "object" && Object.hasOwn(at, key) ? at[key] : undefined), value);

// Sums and groups by names, which may be any string.
function groupBy(items, key) {
  const groups = new Map();
  for (const item of items) {
    const name = key(item);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(item);
  }
  return groups;
}
const sum = (items, value) => items.reduce((total, item) => total + (value(item) || 0), 0);

function download(name, content, type) {
  const link = el("a", { download: name, href: content instanceof Blob ? URL.createObjectURL(content) : content, type });
  link.click();
}

function choice(label, options, selected, onchange) {
  const select = el("select", {}, options.map(([value, text]) => el("option", { value, selected: value === selected }, text)));
  select.addEventListener("change", () => onchange(select.value));
  return el("label", {}, label, select);
}
function toggle(label, checked, onchange) {
  const box = el("input", { type: "checkbox", checked });
  box.addEventListener("change", () => onchange(box.checked));
  return el("label", {}, box, label);
}
function stat(name, value, unit, more, bad) {
  return el("div", { class: bad ? "stat bad" : "stat" }, el("div", { class: "name" }, name),
    el("div", { class: "value" }, value, unit ? el("small", {}, unit) : null), more ? el("div", { class: "more" }, more) : null);
}
function details(pairs) {
  return el("div", { class: "detail" }, pairs.map(([name, value]) => el("div", {}, el("span", {}, name), el("span", {}, String(value)))));
}
