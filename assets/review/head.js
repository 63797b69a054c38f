// The head: unpacks shapes, poses them, and draws with WebGL. Metres; X to the character's left, Y up, Z to the viewer.
"use strict";
window.AnimcoreHead = (() => {
  const TURN = 14 * Math.PI / 180, LOOK = 30 * Math.PI / 180, TALL = 0.2;
  const VERTEX = `
    attribute vec3 place, normal, colour; uniform mat3 turn; uniform vec3 middle; uniform vec2 scale;
    varying vec3 n, c;
    void main() {
      vec3 seen = turn * (place - middle);
      n = turn * normal; c = pow(colour, vec3(2.2));
      gl_Position = vec4(seen.xy * scale, -seen.z * 2.0, 1.0);
    }`;
  const FRAGMENT = `
    precision mediump float; varying vec3 n, c;
    void main() {
      vec3 m = normalize(n);
      float key = max(dot(m, normalize(vec3(-0.55, 0.55, 0.75))), 0.0), fill = max(dot(m, normalize(vec3(0.8, 0.1, 0.5))), 0.0);
      float rim = pow(1.0 - max(m.z, 0.0), 3.0) * max(m.y * 0.5 + 0.5, 0.0);
      float shine = pow(max(dot(m, normalize(vec3(-0.28, 0.28, 1.0))), 0.0), 28.0);
      vec3 sky = mix(vec3(0.10, 0.085, 0.08), vec3(0.19, 0.21, 0.25), m.y * 0.5 + 0.5);
      vec3 light = sky + key * vec3(0.80, 0.76, 0.70) + fill * vec3(0.20, 0.23, 0.30);
      gl_FragColor = vec4(pow(c * light + shine * 0.035 + rim * vec3(0.05, 0.07, 0.10), vec3(1.0 / 2.2)), 1.0);
    }`;

  const bytes = text => Uint8Array.from(atob(text), sign => sign.charCodeAt(0));
  const as = (Kind, text) => new Kind(bytes(text).buffer);

  function unpacked(data) {
    const rest = Float32Array.from(as(Int16Array, data.rest), (value, index) => value * data.step + data.middle[index % 3]);
    return {
      rest, moved: as(Uint16Array, data.moved), deltas: as(Int8Array, data.deltas), scales: data.scales,
      triangles: as(Uint16Array, data.triangles), colours: as(Uint8Array, data.colours), eyes: data.eyes, ball: data.eyeball,
    };
  }

  class Head {
    constructor(canvas, data, shapes) {
      this.gl = canvas.getContext("webgl", { antialias: true, alpha: true, premultipliedAlpha: false });
      if (!this.gl) throw new Error("no WebGL");
      this.model = unpacked(data);
      this.shapes = shapes; // name -> place
      this.places = new Float32Array(this.model.rest);
      this.normals = new Float32Array(this.model.rest.length);
      this.canvas = canvas;
      this.#prepare();
    }

    #prepare() {
      const gl = this.gl, program = gl.createProgram();
      for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
        const shader = gl.createShader(kind);
        gl.shaderSource(shader, text);
        gl.compileShader(shader);
        gl.attachShader(program, shader);
      }
      gl.linkProgram(program);
      if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) || "no shader");
      gl.useProgram(program);
      gl.enable(gl.DEPTH_TEST);
      this.buffers = {};
      for (const name of ["place", "normal", "colour"]) {
        const where = gl.getAttribLocation(program, name), buffer = gl.createBuffer();
        gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
        gl.enableVertexAttribArray(where);
        if (name === "colour") {
          gl.bufferData(gl.ARRAY_BUFFER, this.model.colours, gl.STATIC_DRAW);
          gl.vertexAttribPointer(where, 3, gl.UNSIGNED_BYTE, true, 0, 0);
        } else {
          gl.vertexAttribPointer(where, 3, gl.FLOAT, false, 0, 0);
        }
        this.buffers[name] = buffer;
      }
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, this.model.triangles, gl.STATIC_DRAW);
      this.uniform = name => gl.getUniformLocation(program, name);
    }

    // weights: Map of the places of shapes -> 0..1; turn: [x, y, z] axis-angle of head and neck in radians.
    draw(weights, turn) {
      this.#pose(weights);
      this.#shade();
      const gl = this.gl, eyes = this.model.eyes;
      const middle = [(eyes[0][0] + eyes[1][0]) / 2, (eyes[0][1] + eyes[1][1]) / 2 - 0.043, (eyes[0][2] + eyes[1][2]) / 2 - 0.05];
      gl.viewport(0, 0, this.canvas.width, this.canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      for (const [name, values] of [["place", this.places], ["normal", this.normals]]) {
        gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
        gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
      }
      const tall = 2 / TALL;
      gl.uniform2f(this.uniform("scale"), tall * this.canvas.height / this.canvas.width, tall);
      gl.uniform3f(this.uniform("middle"), ...middle);
      gl.uniformMatrix3fv(this.uniform("turn"), false, product(aboutY(TURN), rotation(turn)));
      gl.drawElements(gl.TRIANGLES, this.model.triangles.length, gl.UNSIGNED_SHORT, 0);
    }

    #pose(weights) {
      const { rest, moved, deltas, scales, eyes, ball } = this.model, places = this.places, size = moved.length * 3;
      places.set(rest);
      const sum = this.sum ??= new Float32Array(size);
      sum.fill(0);
      for (const [shape, weight] of weights) {
        if (weight < 0.004) continue;
        const factor = weight * scales[shape], first = shape * size;
        for (let index = 0; index < size; index++) sum[index] += factor * deltas[first + index];
      }
      for (let index = 0; index < moved.length; index++) {
        const at = 3 * moved[index];
        for (let axis = 0; axis < 3; axis++) places[at + axis] += sum[3 * index + axis];
      }
      const of = name => weights.get(this.shapes.get(name)) || 0;
      const sides = [["eyeLookOutLeft", "eyeLookInLeft", "eyeLookDownLeft", "eyeLookUpLeft"],
        ["eyeLookInRight", "eyeLookOutRight", "eyeLookDownRight", "eyeLookUpRight"]];
      const skin = rest.length / 3 - 2 * ball;
      sides.forEach(([left, right, down, up], side) => {
        const m = product(aboutY(LOOK * (of(left) - of(right))), aboutX(LOOK * (of(down) - of(up)))), eye = eyes[side];
        for (let index = skin + side * ball; index < skin + (side + 1) * ball; index++) {
          const x = rest[3 * index] - eye[0], y = rest[3 * index + 1] - eye[1], z = rest[3 * index + 2] - eye[2];
          for (let axis = 0; axis < 3; axis++) places[3 * index + axis] = eye[axis] + m[axis] * x + m[axis + 3] * y + m[axis + 6] * z;
        }
      });
    }

    #shade() {
      const p = this.places, n = this.normals, t = this.model.triangles;
      n.fill(0);
      for (let index = 0; index < t.length; index += 3) {
        const a = 3 * t[index], b = 3 * t[index + 1], c = 3 * t[index + 2];
        const ux = p[b] - p[a], uy = p[b + 1] - p[a + 1], uz = p[b + 2] - p[a + 2];
        const vx = p[c] - p[a], vy = p[c + 1] - p[a + 1], vz = p[c + 2] - p[a + 2];
        const x = uy * vz - uz * vy, y = uz * vx - ux * vz, z = ux * vy - uy * vx;
        for (const at of [a, b, c]) { n[at] += x; n[at + 1] += y; n[at + 2] += z; }
      }
    }
  }

  // Matrices stand column by column, as WebGL takes them.
  const aboutY = a => [Math.cos(a), 0, -Math.sin(a), 0, 1, 0, Math.sin(a), 0, Math.cos(a)];
  const aboutX = a => [1, 0, 0, 0, Math.cos(a), Math.sin(a), 0, -Math.sin(a), Math.cos(a)];
  function product(a, b) {
    const out = new Array(9);
    for (let column = 0; column < 3; column++)
      for (let row = 0; row < 3; row++)
        out[3 * column + row] = a[row] * b[3 * column] + a[row + 3] * b[3 * column + 1] + a[row + 6] * b[3 * column + 2];
    return out;
  }
  function rotation([x, y, z]) {
    const angle = Math.hypot(x, y, z) || 1e-9, c = Math.cos(angle), s = Math.sin(angle) / angle, k = (1 - c) / (angle * angle);
    return [c + k * x * x, k * x * y + s * z, k * x * z - s * y, k * x * y - s * z, c + k * y * y, k * y * z + s * x,
      k * x * z + s * y, k * y * z - s * x, c + k * z * z];
  }
  return Head;
})();
