// Colours: the palette of Okabe and Ito (2008), which colour-blind readers can tell apart, lighter on a dark page.
// Series are also told apart by order and, for points, by shape.
const PALETTES = {
  light: ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#8c7a00", "#5a6572"],
  dark: ["#3f9fd8", "#f0b429", "#24b88e", "#ee7733", "#8fd0f5", "#e29bc1", "#f0e442", "#a0abb6"],
};
const SHAPES = ["circle", "triangle", "rect", "rectRot", "cross", "star", "crossRot", "dash"];
// Names that mean the same in every chart keep their colour. Index into the palette; 7 is the grey.
const FIXED = new Map(Object.entries({
  compute: 0, busy: 0, mac: 0, stationary_load: 4, fill_drain: 2, dram: 3, buffer: 1, sram: 1, dependency: 5,
  scratchpad: 6, noc: 8, idle: -1, overlap: -1, leakage: 7, other: 7,
}));

const Theme = {
  name: "light",
  redraw: [],
  // Behind the palette, hues by the golden angle: any number of series, no colour twice.
  color(index) {
    if (index < PALETTES[this.name].length) return PALETTES[this.name][index];
    const hue = ((137.508 * index) % 360) / 30, lightness = (index % 2 ? 0.6 : 0.35) + (this.name === "dark" ? 0.12 : 0), reach = 0.65 * Math.min(lightness, 1 - lightness);
    const part = (offset) => { const k = (offset + hue) % 12; return Math.round(255 * (lightness - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1)))).toString(16).padStart(2, "0"); };
    return `#${part(0)}${part(8)}${part(4)}`;
  },
  named(name, index) {
    const fixed = FIXED.get(name);
    if (fixed === -1) return this.css("--line");
    return this.color(fixed === undefined ? index : fixed);
  },
  css(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); },
  // From dark to light along viridis, for ordered values; t in [0, 1].
  ramp(t) {
    const stops = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
    const low = this.name === "dark" ? 0.18 : 0, high = this.name === "dark" ? 1 : 0.92;
    const x = (low + (high - low) * t) * 4, i = Math.min(3, Math.floor(x));
    const mix = stops[i].map((c, k) => Math.round(c + (stops[i + 1][k] - c) * (x - i)));
    return `rgb(${mix.join(",")})`;
  },
  apply(name) {
    this.name = name;
    document.documentElement.dataset.theme = name;
    Chart.defaults.color = this.css("--soft");
    Chart.defaults.borderColor = this.css("--grid");
    for (const draw of this.redraw) draw();
  },
  start() {
    Object.assign(Chart.defaults, { animation: false, responsive: true, maintainAspectRatio: false });
    Chart.defaults.font = { ...Chart.defaults.font, family: getComputedStyle(document.body).fontFamily, size: 12.5 };
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const asked = /theme=(dark|light)/.exec(location.hash);
    this.apply(asked ? asked[1] : dark.matches ? "dark" : "light");
    dark.addEventListener("change", () => this.apply(dark.matches ? "dark" : "light"));
  },
};
