// Surfaces in WebGL 2: one hidden context draws every view, which is then copied to its canvas.

const VERTEX = `#version 300 es
in vec3 place; in vec3 normal; in float value; in float known;
uniform mat3 turn; uniform vec3 middle; uniform vec3 scale; uniform float size;
out vec3 facing; out float level; out float sure;
void main() {
  vec3 seen = turn * (place - middle);
  facing = turn * normal; level = value; sure = known;
  gl_Position = vec4(seen * scale, 1.0);
  gl_PointSize = size;
}`;
const FRAGMENT = `#version 300 es
precision highp float;
in vec3 facing; in float level; in float sure;
uniform sampler2D ramp; uniform vec2 range; uniform float step_; uniform float glass; uniform vec3 plain; uniform float colored;
out vec4 color;
void main() {
  vec3 n = normalize(facing); if (n.z < 0.0) n = -n;
  float at = clamp((level - range.x) / (range.y - range.x), 0.0, 1.0);
  vec3 base = mix(plain, texture(ramp, vec2(at, 0.5)).rgb, colored * step(0.999, sure));
  if (step_ > 0.0) {
    float turns = level / step_;
    float off = abs(fract(turns - 0.5) - 0.5) / max(fwidth(turns), 1e-6);
    float inside = step(range.x, level) * step(level, range.y) * step(0.999, sure);
    base = mix(base, vec3(0.10, 0.11, 0.13), (1.0 - smoothstep(0.5, 1.5, off)) * 0.8 * inside);
  }
  float lamp = max(dot(n, normalize(vec3(-0.35, 0.55, 0.75))), 0.0);
  vec3 lit = base * (0.66 + 0.38 * lamp);
  lit += 0.10 * pow(max(dot(n, normalize(vec3(-0.2, 0.35, 0.95))), 0.0), 30.0);
  float rim = pow(1.0 - n.z, 1.6);
  float alpha = glass > 0.0 ? mix(glass, 0.78, rim) : 1.0;
  color = vec4(lit * alpha, alpha);
}`;
const DOT = `#version 300 es
precision highp float;
in vec3 facing; in float level; in float sure;
uniform vec3 plain; uniform vec3 ring; uniform float edge;
out vec4 color;
void main() {
  float far = length(gl_PointCoord - 0.5) * 2.0;
  float soft = fwidth(far);
  float alpha = 1.0 - smoothstep(1.0 - soft, 1.0, far);
  vec3 tint = mix(plain, ring, smoothstep(edge - soft, edge, far));
  color = vec4(tint * alpha, alpha);
}`;

const parseColor = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

function makeCamera() {
  return { azimuth: 0.45, elevation: 0.18, zoom: 1 };
}

function turnOf(camera) {
  const [ca, sa] = [Math.cos(camera.azimuth), Math.sin(camera.azimuth)];
  const [ce, se] = [Math.cos(camera.elevation), Math.sin(camera.elevation)];
  // Rows: to the right, upward, toward the viewer. At zero the viewer stands at −y, z is up.
  return [[ca, sa, 0], [-sa * se, ca * se, ce], [sa * ce, -ca * ce, se]];
}

function boundsOf(vertices) {
  const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
  for (let i = 0; i < vertices.length; i++) {
    const k = i % 3;
    if (vertices[i] < low[k]) low[k] = vertices[i];
    if (vertices[i] > high[k]) high[k] = vertices[i];
  }
  const middle = low.map((l, k) => (l + high[k]) / 2);
  let radius = 0, around = 0;
  for (let i = 0; i < vertices.length; i += 3) {
    radius = Math.max(radius, Math.hypot(vertices[i] - middle[0], vertices[i + 1] - middle[1], vertices[i + 2] - middle[2]));
    around = Math.max(around, Math.hypot(vertices[i] - middle[0], vertices[i + 1] - middle[1]));
  }
  // A turntable never shows more than ``around`` to either side.
  return { middle, radius: radius || 1, around: around || radius || 1 };
}

function makePainter() {
  const canvas = document.createElement("canvas");
  const gl = canvas.getContext("webgl2", { antialias: true, alpha: true, premultipliedAlpha: true });
  if (!gl) return null;
  const build = (fragment) => {
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(program, shader);
    }
    ["place", "normal", "value", "known"].forEach((name, i) => gl.bindAttribLocation(program, i, name));
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
    return { program, at: (name) => gl.getUniformLocation(program, name) };
  };
  const faces = build(FRAGMENT), dots = build(DOT);
  const buffer = (kind, data) => {
    const b = gl.createBuffer();
    gl.bindBuffer(kind, b);
    gl.bufferData(kind, data, gl.STATIC_DRAW);
    return b;
  };
  const upload = (vertices, normals, triangles) => ({
    place: buffer(gl.ARRAY_BUFFER, vertices), normal: buffer(gl.ARRAY_BUFFER, normals),
    value: gl.createBuffer(), known: gl.createBuffer(), count: triangles.length,
    index: buffer(gl.ELEMENT_ARRAY_BUFFER, triangles), nodes: vertices.length / 3,
  });
  const ramp = (colors) => {
    const texture = gl.createTexture(), pixels = new Uint8Array(256 * 4);
    const stops = colors.map(parseColor);
    for (let i = 0; i < 256; i++) {
      const s = (i / 255) * (stops.length - 1), k = Math.min(Math.floor(s), stops.length - 2);
      for (let c = 0; c < 3; c++) pixels[4 * i + c] = stops[k][c] + (s - k) * (stops[k + 1][c] - stops[k][c]);
      pixels[4 * i + 3] = 255;
    }
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    for (const [key, value] of [[gl.TEXTURE_MIN_FILTER, gl.LINEAR], [gl.TEXTURE_MAG_FILTER, gl.LINEAR], [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE]]) gl.texParameteri(gl.TEXTURE_2D, key, value);
    return texture;
  };
  const bind = (mesh, values) => {
    const attach = (slot, b, size) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, b);
      gl.enableVertexAttribArray(slot);
      gl.vertexAttribPointer(slot, size, gl.FLOAT, false, 0, 0);
    };
    attach(0, mesh.place, 3);
    attach(1, mesh.normal, 3);
    const numbers = new Float32Array(mesh.nodes), known = new Float32Array(mesh.nodes);
    for (let i = 0; i < mesh.nodes; i++) {
      const v = values ? values[i] : 0;
      known[i] = Number.isFinite(v) ? 1 : 0;
      numbers[i] = known[i] ? v : 0;
    }
    for (const [slot, b, data] of [[2, mesh.value, numbers], [3, mesh.known, known]]) {
      attach(slot, b, 1);
      gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
    }
  };
  const look = (shader, view) => {
    gl.useProgram(shader.program);
    const t = turnOf(view.camera);
    gl.uniformMatrix3fv(shader.at("turn"), false, [0, 1, 2].flatMap((c) => t.map((row) => row[c])));
    gl.uniform3fv(shader.at("middle"), view.bounds.middle);
    gl.uniform3fv(shader.at("scale"), view.scale);
  };
  const begin = (width, height) => {
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    gl.depthMask(true);
    gl.disable(gl.CULL_FACE);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  };
  const surface = (view, mesh, values, colors, low, high, options = {}) => {
    look(faces, view);
    bind(mesh, values);
    gl.bindTexture(gl.TEXTURE_2D, colors);
    gl.uniform2f(faces.at("range"), low, high);
    gl.uniform1f(faces.at("step_"), options.step || 0);
    gl.uniform1f(faces.at("glass"), options.glass || 0);
    gl.uniform1f(faces.at("colored"), values ? 1 : 0);
    gl.uniform3fv(faces.at("plain"), (options.plain || [176, 182, 190]).map((c) => c / 255));
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, mesh.index);
    if (options.glass) {
      gl.depthMask(false);
      gl.enable(gl.CULL_FACE);
      for (const side of options.sides || [gl.FRONT, gl.BACK]) {
        gl.cullFace(side);
        gl.drawElements(gl.TRIANGLES, mesh.count, gl.UNSIGNED_INT, 0);
      }
      gl.disable(gl.CULL_FACE);
      gl.depthMask(true);
    } else gl.drawElements(gl.TRIANGLES, mesh.count, gl.UNSIGNED_INT, 0);
  };
  const points = (view, mesh, first, count, size, plain, ring, edge) => {
    const nearer = { ...view, scale: view.scale };
    look(dots, nearer);
    bind(mesh, null);
    gl.uniform1f(dots.at("size"), size);
    gl.uniform3fv(dots.at("plain"), plain.map((c) => c / 255));
    gl.uniform3fv(dots.at("ring"), ring.map((c) => c / 255));
    gl.uniform1f(dots.at("edge"), edge);
    gl.drawArrays(gl.POINTS, first, count);
  };
  return { gl, canvas, upload, ramp, begin, surface, points };
}

// Without WebGL: flat triangles from back to front. Slower and plainer, but the same picture.
function paintFlat(context, view, vertices, triangles, values, colors, low, high, width, height, alpha, step) {
  const t = turnOf(view.camera), n = vertices.length / 3, seen = new Float32Array(3 * n);
  for (let i = 0; i < n; i++) {
    const p = [0, 1, 2].map((k) => vertices[3 * i + k] - view.bounds.middle[k]);
    for (let r = 0; r < 3; r++) seen[3 * i + r] = t[r][0] * p[0] + t[r][1] * p[1] + t[r][2] * p[2];
  }
  const count = triangles.length / 3, order = Array.from({ length: count }, (_, f) => f);
  const depth = order.map((f) => seen[3 * triangles[3 * f] + 2] + seen[3 * triangles[3 * f + 1] + 2] + seen[3 * triangles[3 * f + 2] + 2]);
  order.sort((a, b) => depth[a] - depth[b]);
  const stops = colors.map(parseColor);
  context.globalAlpha = alpha;
  for (const f of order) {
    const c = [0, 1, 2].map((k) => triangles[3 * f + k]);
    const [a, b, d] = c.map((i) => [width / 2 + (seen[3 * i] * view.scale[0] * width) / 2, height / 2 - (seen[3 * i + 1] * view.scale[1] * height) / 2]);
    const e1 = [0, 1, 2].map((k) => seen[3 * c[1] + k] - seen[3 * c[0] + k]), e2 = [0, 1, 2].map((k) => seen[3 * c[2] + k] - seen[3 * c[0] + k]);
    const z = e1[0] * e2[1] - e1[1] * e2[0];
    if (z <= 0) continue;
    const size = Math.hypot(e1[1] * e2[2] - e1[2] * e2[1], e1[2] * e2[0] - e1[0] * e2[2], z) || 1;
    let tint = [176, 182, 190];
    if (values) {
      let v = (values[c[0]] + values[c[1]] + values[c[2]]) / 3;
      if (Number.isFinite(v)) {
        if (step) v = (Math.floor(v / step) + 0.5) * step;
        const s = Math.min(1, Math.max(0, (v - low) / (high - low))) * (stops.length - 1), k = Math.min(Math.floor(s), stops.length - 2);
        tint = stops[k].map((x, i) => x + (s - k) * (stops[k + 1][i] - x));
      }
    }
    const light = 0.7 + (0.3 * z) / size;
    context.fillStyle = context.strokeStyle = `rgb(${tint.map((x) => Math.round(x * light)).join(",")})`;
    context.beginPath();
    context.moveTo(...a); context.lineTo(...b); context.lineTo(...d); context.closePath();
    context.fill(); context.stroke();
  }
  context.globalAlpha = 1;
}
