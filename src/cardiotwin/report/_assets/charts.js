// Line charts in SVG: they take their colours from the page, so light and dark follow by themselves.

const SVG = "http://www.w3.org/2000/svg";

function svgNode(parent, name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.appendChild(made);
  return made;
}

function niceTicks(low, high, about) {
  const rough = (high - low) / Math.max(1, about), power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((s) => s * power >= rough * 0.999);
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) ticks.push(k * step);
  return ticks;
}

function showNumber(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e5 || size < 1e-3 ? value.toExponential(1) : String(parseFloat(value.toPrecision(4)));
  return text.replace("-", "−");
}

const POWERS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const showPower = (k) => "10" + (k < 0 ? "⁻" : "") + [...String(Math.abs(k))].map((d) => POWERS[d]).join("");

// spec: {x, series: [{x, y, color, width, opacity, dash, label}], band: {low, high, color, label}, bands: [band], spans, marks, points,
//        xLabel, yLabel, logX, yRange, square, onPick}
function drawChart(element, spec) {
  element.textContent = "";
  const width = element.clientWidth || 600, height = element.clientHeight || 240;
  const left = spec.hideY ? 14 : 58, right = 14, top = spec.legend === false ? 10 : 28, bottom = spec.hideX ? 10 : 42;
  const svg = svgNode(element, "svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": spec.title || spec.yLabel || "chart" });
  const finite = (list) => list.filter((v) => v !== null && Number.isFinite(v));
  const toX = spec.logX ? Math.log10 : (v) => v;
  const xs = finite([...spec.x, ...(spec.points ? spec.points.x : [])]).map(toX);
  let [x0, x1] = spec.xRange || [xs.reduce((a, b) => Math.min(a, b), Infinity), xs.reduce((a, b) => Math.max(a, b), -Infinity)];
  if (!(x1 > x0)) [x0, x1] = [x0 - 0.5, x0 + 0.5];
  let low = Infinity, high = -Infinity;
  const see = (list) => { for (const v of list) if (v !== null && Number.isFinite(v)) { if (v < low) low = v; if (v > high) high = v; } };
  for (const s of spec.series) see(s.y);
  for (const band of [spec.band, ...(spec.bands || [])]) if (band) { see(band.low); see(band.high); }
  if (spec.points) see(spec.points.y);
  if (spec.yRange) [low, high] = spec.yRange;
  if (!(high > low)) [low, high] = [Number.isFinite(low) ? low - 0.5 : 0, Number.isFinite(low) ? low + 0.5 : 1];
  else if (!spec.yRange) { const pad = 0.06 * (high - low); [low, high] = [low >= 0 && low < 0.3 * high ? 0 : low - pad, high + pad]; }
  const px = (v) => left + ((toX(v) - x0) / (x1 - x0)) * (width - left - right);
  const py = (v) => top + ((high - v) / (high - low)) * (height - top - bottom);
  if (!spec.hideY) for (const tick of niceTicks(low, high, Math.max(2, (height - top - bottom) / 48))) {
    svgNode(svg, "line", { x1: left, x2: width - right, y1: py(tick), y2: py(tick), style: "stroke:var(--grid)" });
    svgNode(svg, "text", { x: left - 8, y: py(tick) + 4, "text-anchor": "end" }, showNumber(tick));
  }
  const base = height - bottom;
  const xTicks = spec.logX ? niceTicks(x0, x1, Math.min(8, width / 70)).filter(Number.isInteger).map((k) => 10 ** k) : niceTicks(x0, x1, width / 90);
  for (const tick of xTicks) {
    svgNode(svg, "line", { x1: px(tick), x2: px(tick), y1: base, y2: base + 4, style: "stroke:var(--soft)" });
    if (!spec.hideX) svgNode(svg, "text", { x: px(tick), y: base + 18, "text-anchor": "middle" }, spec.logX ? showPower(Math.round(Math.log10(tick))) : showNumber(tick));
  }
  svgNode(svg, "line", { x1: left, x2: width - right, y1: base, y2: base, style: "stroke:var(--soft)" });
  if (spec.xLabel) svgNode(svg, "text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, spec.xLabel);
  if (spec.yLabel) svgNode(svg, "text", { x: 0, y: 0, transform: `translate(13 ${(top + base) / 2}) rotate(-90)`, "text-anchor": "middle" }, spec.yLabel);
  const clip = `clip-${element.id}`;
  svgNode(svgNode(svg, "clipPath", { id: clip }), "rect", { x: left, y: top - 2, width: width - left - right, height: base - top + 4 });
  const inside = svgNode(svg, "g", { "clip-path": `url(#${clip})` });
  for (const span of spec.spans || []) {
    const [a, b] = [Math.max(left, px(span.from)), Math.min(width - right, px(span.to))];
    if (b > a) svgNode(inside, "rect", { x: a, width: b - a, y: top, height: base - top, style: `fill:${span.color};opacity:.13` });
  }
  for (const band of [spec.band, ...(spec.bands || [])]) if (band) {
    const there = spec.x.map((v, i) => `${px(v).toFixed(1)},${py(band.high[i]).toFixed(1)}`);
    const back = spec.x.map((v, i) => `${px(v).toFixed(1)},${py(band.low[i]).toFixed(1)}`).reverse();
    svgNode(inside, "polygon", { points: [...there, ...back].join(" "), style: `fill:${band.color};opacity:.2` });
  }
  for (const s of spec.series) {
    let path = "", pen = false;
    s.y.forEach((v, i) => {
      if (v === null || !Number.isFinite(v)) { pen = false; return; }
      path += `${pen ? "L" : "M"}${px((s.x || spec.x)[i]).toFixed(1)} ${py(v).toFixed(1)}`;
      pen = true;
    });
    svgNode(inside, "path", { d: path, style: `fill:none;stroke:${s.color};stroke-width:${s.width || 1.8};opacity:${s.opacity || 1};stroke-linejoin:round;${s.dash ? `stroke-dasharray:${s.dash}` : ""}` });
  }
  if (spec.points) spec.points.x.forEach((v, i) => svgNode(inside, "circle", { cx: px(v).toFixed(1), cy: py(spec.points.y[i]).toFixed(1), r: 2.1, style: `fill:${spec.points.color};opacity:.45` }));
  for (const mark of spec.marks || []) {
    const at = px(mark.at);
    if (at < left || at > width - right) continue;
    svgNode(inside, "line", { x1: at, x2: at, y1: top, y2: base, style: `stroke:${mark.color};stroke-width:${mark.width || 1.4};${mark.dash ? `stroke-dasharray:${mark.dash}` : ""}` });
  }
  if (spec.legend !== false) {
    let at = left;
    const entries = [...spec.series.map((s) => ({ ...s, line: true })), ...(spec.band ? [spec.band] : []), ...(spec.points ? [spec.points] : [])];
    for (const entry of entries.filter((e) => e.label)) {
      if (entry.line) svgNode(svg, "line", { x1: at, x2: at + 18, y1: 11, y2: 11, style: `stroke:${entry.color};stroke-width:2.4;${entry.dash ? `stroke-dasharray:${entry.dash}` : ""}` });
      else svgNode(svg, "rect", { x: at, width: 18, y: 6, height: 10, rx: 2, style: `fill:${entry.color};opacity:.3` });
      const label = svgNode(svg, "text", { x: at + 24, y: 15 }, entry.label);
      at += 24 + label.getComputedTextLength() + 20;
    }
  }
  // Labels of marks are staggered so that near neighbours stay readable.
  const taken = [];
  for (const mark of (spec.marks || []).filter((m) => m.label).sort((a, b) => a.at - b.at)) {
    const at = px(mark.at);
    if (at < left || at > width - right) continue;
    const label = svgNode(svg, "text", { x: at + 5, y: 0, class: mark.strong ? "strong" : "" }, mark.label);
    const size = label.getComputedTextLength();
    const start = at + 5 + size > width - right ? at - 5 - size : at + 5;
    let row = 0;
    while (taken.some((t) => t.row === row && start < t.to + 8 && start + size > t.from - 8)) row++;
    taken.push({ row, from: start, to: start + size });
    label.setAttribute("x", start);
    label.setAttribute("y", top + 12 + 15 * row);
  }
  const cursor = spec.cursor ? svgNode(svg, "line", { y1: top, y2: base, style: "stroke:var(--mark);stroke-width:1.4" }) : null;
  const chart = { svg, px, py, inside, moveCursor(value) { if (cursor) { cursor.setAttribute("x1", px(value)); cursor.setAttribute("x2", px(value)); } } };
  if (spec.onPick) {
    svg.style.cursor = "crosshair";
    const pick = (event) => {
      const box = svg.getBoundingClientRect();
      spec.onPick(x0 + (((event.clientX - box.left) * (width / box.width) - left) / (width - left - right)) * (x1 - x0));
    };
    svg.addEventListener("pointerdown", (event) => { svg.setPointerCapture(event.pointerId); pick(event); });
    svg.addEventListener("pointermove", (event) => { if (event.buttons) pick(event); });
  }
  return chart;
}
