// The page: unpack the arrays, draw, and keep time, node and camera in step.

const byId = (id) => document.getElementById(id);
const root = document.documentElement;
const facts = JSON.parse(byId("facts").textContent);

async function unpack() {
  const text = byId("arrays").textContent;
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const whole = await new Response(stream).arrayBuffer();
  const arrays = {};
  for (const [name, entry] of Object.entries(facts.arrays)) {
    const count = entry.shape.reduce((a, b) => a * b, 1);
    if (entry.kind === "f4") arrays[name] = new Float32Array(whole, entry.at, count);
    else if (entry.kind === "u4") arrays[name] = new Uint32Array(whole, entry.at, count);
    else {
      const low = new Uint8Array(whole, entry.at, count), high = new Uint8Array(whole, entry.at + count, count);
      const levels = new Uint16Array(count), nT = entry.shape[1];
      for (let i = 0; i < count; i++) levels[i] = (i % nT ? levels[i - 1] : 0) + low[i] + 256 * high[i];
      arrays[name] = { levels, rows: entry.shape[0], nT, low: entry.low, step: entry.step };
    }
  }
  return arrays;
}

const rowOf = (s, row) => Array.from(s.levels.subarray(row * s.nT, (row + 1) * s.nT), (q) => s.low + s.step * q);
function columnOf(s, column, out) {
  const values = out || new Float32Array(s.rows);
  for (let i = 0; i < s.rows; i++) values[i] = s.low + s.step * s.levels[i * s.nT + column];
  return values;
}

function start(arrays) {
  const times = arrays.times, last = times.length - 1;
  const state = { frame: facts.firstFrame, node: facts.firstNode, lead: 0 };
  const camera = makeCamera(), charts = {}, unit = facts.unit || "no unit";
  const painter = (() => { try { return makePainter(); } catch { return null; } })();
  const heartMiddle = arrays.heart_vertices && boundsOf(arrays.heart_vertices);
  const torsoMiddle = arrays.torso_vertices && boundsOf(arrays.torso_vertices);
  const meshes = {};
  if (painter) {
    for (const side of ["heart", "torso"]) if (arrays[`${side}_vertices`]) meshes[side] = painter.upload(arrays[`${side}_vertices`], arrays[`${side}_normals`], arrays[`${side}_faces`]);
    if (arrays.electrodes) meshes.electrodes = painter.upload(arrays.electrodes, new Float32Array(arrays.electrodes.length), new Uint32Array(0));
  }
  const views = facts.views.map((spec) => ({
    ...spec, canvas: document.querySelector(`canvas[data-view="${spec.name}"]`), camera, zoom: 1,
    bounds: spec.torso ? torsoMiddle : heartMiddle,
    ramp: painter && painter.ramp(spec.colors), skinRamp: painter && spec.skin && painter.ramp(spec.skin.colors),
  }));

  const valuesOf = (view) => {
    if (view.series === "error") {
      const found = columnOf(arrays.reconstruction, state.frame), truth = columnOf(arrays.truth, state.frame);
      return found.map((v, i) => v - truth[i]);
    }
    return view.series ? columnOf(arrays[view.series], state.frame) : arrays[`still_${view.name}`];
  };

  function drawView(view) {
    const ratio = Math.min(window.devicePixelRatio || 1, 2), canvas = view.canvas;
    const width = Math.max(2, Math.round(canvas.clientWidth * ratio)), height = Math.max(2, Math.round(canvas.clientHeight * ratio));
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d");
    const size = 0.97 * view.zoom * Math.min(width / view.bounds.around, height / view.bounds.radius);
    view.scale = [size / width, size / height, -0.5 / view.bounds.radius / Math.max(1, view.zoom)];
    context.clearRect(0, 0, width, height);
    const values = valuesOf(view), skin = view.torso && arrays.torso ? columnOf(arrays.torso, state.frame) : null;
    const s = view.skin || { colors: ["#c9ced6", "#c9ced6"], low: 0, high: 1 };
    if (painter) {
      painter.begin(width, height);
      const gl = painter.gl, glass = { glass: skin ? 0.2 : 0.14, plain: [190, 196, 204] };
      // Skin behind the heart, the heart, skin before the heart.
      if (view.torso) painter.surface(view, meshes.torso, skin, view.skinRamp || view.ramp, s.low, s.high, { ...glass, sides: [gl.FRONT] });
      painter.surface(view, meshes.heart, values, view.ramp, view.low, view.high, { step: view.step });
      const near = { ...view, scale: view.scale };
      if (!view.torso && state.node < meshes.heart.nodes) {
        gl.depthFunc(gl.LEQUAL);
        gl.enable(gl.POLYGON_OFFSET_FILL);
        const lift = { ...near, bounds: { ...view.bounds, middle: view.bounds.middle.map((m, k) => m - 0.02 * view.bounds.radius * turnOf(camera)[2][k]) } };
        painter.points(lift, meshes.heart, state.node, 1, 15 * ratio, [20, 22, 26], [255, 255, 255], 0.55);
      }
      if (view.torso) {
        if (meshes.electrodes) {
          const lift = { ...near, bounds: { ...view.bounds, middle: view.bounds.middle.map((m, k) => m - 0.01 * view.bounds.radius * turnOf(camera)[2][k]) } };
          painter.gl.depthMask(false);
          painter.surface(view, meshes.torso, skin, view.skinRamp || view.ramp, s.low, s.high, { ...glass, sides: [gl.BACK] });
          // Only the electrodes in front: the skin is drawn into the depth buffer first.
          gl.colorMask(false, false, false, false);
          painter.surface(view, meshes.torso, null, view.ramp, 0, 1, {});
          gl.colorMask(true, true, true, true);
          painter.points(lift, meshes.electrodes, 0, meshes.electrodes.nodes, 5 * ratio, [40, 44, 50], [255, 255, 255], 0.8);
        } else painter.surface(view, meshes.torso, skin, view.skinRamp || view.ramp, s.low, s.high, { ...glass, sides: [gl.BACK] });
      }
      context.drawImage(painter.canvas, 0, 0);
    } else {
      if (view.torso) paintFlat(context, view, arrays.torso_vertices, arrays.torso_faces, skin, s.colors, s.low, s.high, width, height, 1, 0);
      else paintFlat(context, view, arrays.heart_vertices, arrays.heart_faces, values, view.colors, view.low, view.high, width, height, 1, view.step);
    }
    drawAxes(context, width, height, ratio);
  }

  function drawAxes(context, width, height, ratio) {
    const t = turnOf(camera), ink = getComputedStyle(root).getPropertyValue("--soft"), long = 17 * ratio;
    const at = [26 * ratio, height - 26 * ratio];
    context.font = `${11 * ratio}px system-ui, sans-serif`;
    context.textAlign = "center"; context.textBaseline = "middle";
    context.strokeStyle = context.fillStyle = ink; context.lineWidth = 1.2 * ratio;
    ["x", "y", "z"].forEach((name, k) => {
      const [dx, dy] = [t[0][k], -t[1][k]];
      if (Math.hypot(dx, dy) < 0.25) return;
      context.beginPath(); context.moveTo(...at); context.lineTo(at[0] + long * dx, at[1] + long * dy); context.stroke();
      const far = long + (7 * ratio) / Math.hypot(dx, dy);
      context.fillText(name, at[0] + far * dx, at[1] + far * dy);
    });
  }

  let waiting = false;
  const visible = (canvas) => { const box = canvas.getBoundingClientRect(); return box.bottom > -200 && box.top < innerHeight + 200; };
  function drawAll(only) {
    for (const view of views) if ((!only || only(view)) && (visible(view.canvas) || !view.done || !only)) { drawView(view); view.done = true; }
    root.dataset.frame = state.frame;
  }
  function refresh(only) {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; drawAll(only); });
  }

  // charts -----------------------------------------------------------------------------------
  const plain = Array.from(times), pickTime = (t) => setTime(t);
  const timeAxis = { x: plain, xLabel: "time (ms)", cursor: true, onPick: pickTime };
  const potential = `potential (${unit})`;
  function drawElectrogram() {
    const found = rowOf(arrays.reconstruction, state.node), spec = { ...timeAxis, yLabel: potential, series: [], title: "electrogram" };
    if (arrays.truth) spec.series.push({ y: rowOf(arrays.truth, state.node), color: "var(--truth)", width: 2.2, label: "truth" });
    spec.series.push({ y: found, color: "var(--accent)", label: "reconstruction" });
    if (arrays.spread) {
      const half = rowOf(arrays.spread, state.node).map((v) => facts.band * v);
      spec.band = { low: found.map((v, i) => v - half[i]), high: found.map((v, i) => v + half[i]), color: "var(--accent)", label: "90 % band" };
    }
    charts.electrogram = drawChart(byId("electrogram"), spec);
  }
  function drawLead() {
    const spec = { ...timeAxis, yLabel: potential, title: "lead", series: [
      { y: rowOf(arrays.body_measured, state.lead), color: "var(--truth)", width: 2.2, label: "recorded" },
      { y: rowOf(arrays.body_predicted, state.lead), color: "var(--accent)", label: "from the reconstruction" }] };
    charts.lead = drawChart(byId("leadchart"), spec);
  }
  function drawRest() {
    const c = facts.charts;
    // Where the body shows next to nothing the ratio says nothing.
    const top = Math.max(...c.bodyRms.map((v) => v || 0));
    const ratio = c.residual.map((v, i) => (c.bodyRms[i] > 0.02 * top ? v : null));
    charts.residual = drawChart(byId("residual"), { ...timeAxis, yLabel: "‖y − Ru‖ / ‖y‖", title: "residual", series: [{ y: ratio, color: "var(--accent)", label: "residual (where the leads exceed 2 % of their peak)" }] });
    if (c.choice && byId("choice")) {
      const k = c.choice, marks = [];
      for (const [name, value] of Object.entries(k.others)) marks.push({ at: value, label: name, color: "var(--soft)", dash: "4 4" });
      if (k.value > 0) marks.push({ at: k.value, label: `${k.rule} (used)`, color: "var(--mark)", width: 2, strong: true });
      const [low, high] = k.interval;
      drawChart(byId("choice"), { x: k.candidates, logX: k.name === "λ", xLabel: k.name, yLabel: "criterion (0 best, 1 worst)", legend: false, title: "choice of λ", yRange: [-0.04, 1.45],
        series: [{ y: k.criterion, color: "var(--accent)", width: 2.2 }], marks, spans: low > 0 && high > low ? [{ from: low, to: high, color: "var(--mark)" }] : [] });
      if (k.byTime.length && byId("lambdas")) charts.lambdas = drawChart(byId("lambdas"), { ...timeAxis, yLabel: k.name === "λ" ? "log₁₀ λ" : k.name, title: "parameter over time", legend: false, series: [{ y: k.byTime.map((v) => (k.name !== "λ" ? v : v > 0 ? Math.log10(v) : null)), color: "var(--accent)" }] });
    }
    const a = c.activation;
    if (a && byId("activation")) {
      if (a.truth) {
        const ends = [Math.min(...a.truth), Math.max(...a.truth)];
        const pad = 0.04 * (ends[1] - ends[0]);
        drawChart(byId("activation"), { x: a.truth, xRange: [ends[0] - pad, ends[1] + pad], yRange: [Math.min(ends[0], ...a.found) - pad, Math.max(ends[1], ...a.found) + pad], xLabel: "true time (ms)", yLabel: "reconstructed time (ms)", title: "activation times",
          series: [{ x: ends, y: ends, color: "var(--soft)", width: 1.2, dash: "4 4", label: "equal" }], points: { x: a.truth, y: a.found, color: "var(--accent)", label: "a node each" } });
      } else {
        const sorted = a.found.slice().sort((p, q) => p - q);
        drawChart(byId("activation"), { x: sorted, xLabel: "time (ms)", yLabel: "share of nodes activated", title: "activation", legend: false, series: [{ y: sorted.map((_, i) => (i + 1) / sorted.length), color: "var(--accent)" }] });
      }
    }
    const strip = byId("rms"), height = c.bodyRms.map((v) => (top > 0 ? (v || 0) / top : 0));
    strip.textContent = "";
    const svg = svgNode(strip, "svg", { viewBox: `0 0 ${Math.max(1, last)} 1`, preserveAspectRatio: "none" });
    svgNode(svg, "path", { d: `M0 1 ${height.map((v, i) => `L${i} ${(1 - 0.9 * v).toFixed(3)}`).join(" ")} L${Math.max(1, last)} 1 Z`, style: "fill:var(--accent);opacity:.16" });
  }
  function moveCursors() { for (const chart of Object.values(charts)) chart.moveCursor(times[state.frame]); }

  // state ------------------------------------------------------------------------------------
  const slider = byId("slider"), clock = byId("clock"), nodeInput = byId("node"), play = byId("play");
  function setFrame(frame) {
    state.frame = Math.min(last, Math.max(0, Math.round(frame) || 0));
    slider.value = state.frame;
    const text = `${times[state.frame].toFixed(1)} ms`;
    clock.textContent = text;
    slider.setAttribute("aria-valuetext", text);
    moveCursors();
    refresh((view) => view.series);
  }
  function setTime(t) {
    let best = 0;
    for (let i = 1; i <= last; i++) if (Math.abs(times[i] - t) < Math.abs(times[best] - t)) best = i;
    setFrame(best);
  }
  function setNode(node) {
    state.node = Math.min(arrays.reconstruction.rows - 1, Math.max(0, Math.round(node) || 0));
    nodeInput.value = state.node;
    drawElectrogram();
    moveCursors();
    refresh();
  }
  slider.addEventListener("input", () => { stop(); setFrame(Number(slider.value)); });
  nodeInput.addEventListener("change", () => setNode(Number(nodeInput.value)));
  let playing = 0;
  function stop() {
    playing = 0;
    play.firstElementChild.textContent = "▶";
    play.setAttribute("aria-pressed", "false"); play.setAttribute("aria-label", "Play");
  }
  play.addEventListener("click", () => {
    if (playing) return stop();
    const mine = (playing = performance.now());
    const from = state.frame >= last ? 0 : state.frame, span = Math.max(3000, Math.min(9000, last * 14));
    play.firstElementChild.textContent = "❚❚";
    play.setAttribute("aria-pressed", "true"); play.setAttribute("aria-label", "Pause");
    const tick = (now) => {
      if (playing !== mine) return;
      const frame = from + ((now - mine) / span) * last;
      setFrame(Math.min(frame, last));
      if (frame >= last) stop(); else requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });

  function pickNode(view, event) {
    const box = view.canvas.getBoundingClientRect(), t = turnOf(camera), v = arrays.heart_vertices, n = arrays.heart_normals;
    const x = ((event.clientX - box.left) / box.width) * 2 - 1, y = 1 - ((event.clientY - box.top) / box.height) * 2;
    let best = -1, close = Infinity;
    for (let i = 0; i < v.length / 3; i++) {
      if (t[2][0] * n[3 * i] + t[2][1] * n[3 * i + 1] + t[2][2] * n[3 * i + 2] <= 0) continue;
      const p = [0, 1, 2].map((k) => v[3 * i + k] - view.bounds.middle[k]);
      const dx = ((t[0][0] * p[0] + t[0][1] * p[1] + t[0][2] * p[2]) * view.scale[0] - x) * box.width;
      const dy = ((t[1][0] * p[0] + t[1][1] * p[1] + t[1][2] * p[2]) * view.scale[1] - y) * box.height;
      if (dx * dx + dy * dy < close) [best, close] = [i, dx * dx + dy * dy];
    }
    if (best >= 0 && close < 40 * 40) setNode(best);
  }
  const turn = (dx, dy) => {
    camera.azimuth -= dx;
    camera.elevation = Math.max(-Math.PI / 2, Math.min(Math.PI / 2, camera.elevation + dy));
    refresh();
  };
  const zoomBy = (view, factor) => {
    for (const other of views) if (other.torso === view.torso) other.zoom = Math.max(0.5, Math.min(6, other.zoom * factor));
    refresh();
  };
  for (const view of views) {
    let from = null, moved = 0;
    const canvas = view.canvas;
    canvas.addEventListener("pointerdown", (event) => { from = [event.clientX, event.clientY]; moved = 0; canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointermove", (event) => {
      if (!from) return;
      const [dx, dy] = [event.clientX - from[0], event.clientY - from[1]];
      moved += Math.abs(dx) + Math.abs(dy);
      from = [event.clientX, event.clientY];
      turn(dx * 0.01, dy * 0.01);
    });
    canvas.addEventListener("pointerup", (event) => { if (from && moved < 5 && !view.torso) pickNode(view, event); from = null; });
    canvas.addEventListener("pointercancel", () => { from = null; });
    // The wheel scrolls the page; with Ctrl (or a pinch) it zooms.
    canvas.addEventListener("wheel", (event) => { if (event.ctrlKey) { event.preventDefault(); zoomBy(view, Math.exp(-event.deltaY * 0.003)); } }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] };
      if (moves[event.key]) { event.preventDefault(); turn(...moves[event.key]); }
      else if (event.key === "+" || event.key === "=") zoomBy(view, 1.15);
      else if (event.key === "-") zoomBy(view, 1 / 1.15);
    });
  }
  const LOOKS = { front: [0, 0], back: [Math.PI, 0], left: [Math.PI / 2, 0], right: [-Math.PI / 2, 0], top: [0, Math.PI / 2] };
  for (const button of document.querySelectorAll("[data-look]")) button.addEventListener("click", () => { [camera.azimuth, camera.elevation] = LOOKS[button.dataset.look]; refresh(); });

  const leadInput = byId("lead");
  facts.charts.leads.forEach((name, i) => { const option = document.createElement("option"); option.value = i; option.textContent = name; leadInput.appendChild(option); });
  leadInput.addEventListener("change", () => { state.lead = Number(leadInput.value); drawLead(); moveCursors(); });
  let loudest = 0, most = -1;
  for (let i = 0; i < arrays.body_measured.rows; i++) {
    const row = rowOf(arrays.body_measured, i), size = Math.max(...row) - Math.min(...row);
    if (size > most) [loudest, most] = [i, size];
  }
  state.lead = loudest; leadInput.value = loudest;

  function drawCharts() { drawElectrogram(); drawLead(); drawRest(); moveCursors(); }
  byId("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    refresh();
  });
  function fromHash() {
    const wanted = new URLSearchParams(location.hash.slice(1));
    if (wanted.has("node")) setNode(Number(wanted.get("node")));
    if (wanted.has("t") && Number.isFinite(Number(wanted.get("t")))) setTime(Number(wanted.get("t")));
  }
  window.addEventListener("hashchange", fromHash);
  let size = innerWidth;
  window.addEventListener("resize", () => { if (innerWidth !== size) { size = innerWidth; drawCharts(); } refresh(); });
  window.addEventListener("scroll", () => refresh((view) => view.series), { passive: true });

  drawCharts();
  nodeInput.value = state.node;
  setFrame(state.frame);
  fromHash();
  drawAll();
  root.dataset.webgl = painter ? "yes" : "no";
  root.dataset.rendered = "yes";
  root.dataset.ms = Math.round(performance.now());
  window.cardiotwin = {
    get frame() { return state.frame; }, get node() { return state.node; }, setFrame, setNode, draw: () => drawAll(),
    // How many pixels of a view are painted, and a hash of them: what the tests look at.
    pixels(name) {
      const view = views.find((v) => v.name === name);
      drawView(view);
      const { width, height } = view.canvas, copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
      copy.drawImage(view.canvas, 0, 0);
      const data = copy.getImageData(0, 0, width, height).data;
      let painted = 0, hash = 2166136261;
      for (let i = 0; i < data.length; i += 4) { if (data[i + 3]) painted++; hash = Math.imul(hash ^ data[i] ^ (data[i + 1] << 8) ^ (data[i + 2] << 16), 16777619); }
      return { painted, hash };
    },
  };
}

unpack().then(start).catch((error) => {
  root.dataset.error = String(error);
  const note = document.createElement("aside");
  note.className = "warn";
  note.textContent = `The moving part of this page could not be drawn (${error}). Please open it in a current browser.`;
  document.querySelector("main").prepend(note);
  console.error(error);
});
