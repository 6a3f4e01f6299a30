"use strict";
// Where boxes and lines of a scene go: layers from consumers on the left to providers on the right, and below them,
// in rows, what stands alone.
(function () {
  const caravan = (window.caravan = window.caravan || {});

  // layout gives positions of boxes (middle) and of the ends and bends of lines. size says how large a box is, wide
  // how much wider than high the picture should be.
  caravan.layout = function (scene, size, wide) {
    if (scene.grouped) return groups(scene, size, wide);
    const boxes = scene.nodes;
    const ends = new Set(scene.lines.flatMap((l) => [l.from, l.to]));
    const at = new Map();
    const graph = layers(boxes.filter((n) => ends.has(n.id)), scene.lines, size, at);
    rows(boxes.filter((n) => !ends.has(n.id)), at, size);
    return { at, routes: routes(scene.lines, graph, at) };
  };

  // layers places boxes by their lines and gives the graph that has the lines' bends.
  function layers(boxes, lines, size, at, dense) {
    const graph = new dagre.graphlib.Graph({ multigraph: false });
    graph.setGraph({ rankdir: "LR", nodesep: dense ? 10 : 14, edgesep: dense ? 3 : 10, ranksep: 64, ranker: lines.length > 160 ? "tight-tree" : "network-simplex" });
    graph.setDefaultEdgeLabel(() => ({}));
    for (const n of boxes) {
      const s = size(n);
      graph.setNode(n.id, { width: s.w, height: s.h });
    }
    for (const l of lines) graph.setEdge(l.from, l.to, { weight: l.infrastructure ? 1 : 3 });
    dagre.layout(graph);
    for (const n of boxes) {
      const p = graph.node(n.id);
      at.set(n.id, { x: p.x, y: p.y, w: p.width, h: p.height });
    }
    return graph;
  }

  // groups places closed groups as tiles, those that need most on the left and those most needed on the right, and
  // above them each open group with its services in layers. Layers of groups would be a chain nobody can read: teams
  // need each other in circles.
  function groups(scene, size, wide) {
    const at = new Map();
    const result = new Map();
    let top = 0;
    for (const open of scene.nodes.filter((n) => n.open)) {
      const members = scene.nodes.filter((n) => n.parent === open.id);
      const own = new Set(members.map((n) => n.id));
      const lines = scene.lines.filter((l) => own.has(l.from) && own.has(l.to));
      const ends = new Set(lines.flatMap((l) => [l.from, l.to]));
      const inside = new Map();
      const graph = layers(members.filter((n) => ends.has(n.id)), lines, size, inside, true);
      rows(members.filter((n) => !ends.has(n.id)), inside, size);
      routes(lines, graph, inside).forEach((r, id) => result.set(id, r));
      let high = 0;
      inside.forEach(function (p, id) {
        high = Math.max(high, p.y + p.h / 2);
        at.set(id, { ...p, y: p.y + top });
      });
      top += high + 96;
    }
    tiles(scene, size, wide, top, at);
    return { at, routes: result };
  }

  function tiles(scene, size, wide, top, at) {
    const closed = scene.nodes.filter((n) => !n.open && !n.parent);
    if (!closed.length) return;
    const pull = new Map(closed.map((n) => [n.id, { out: 0, in: 0 }]));
    for (const l of scene.lines) {
      if (pull.has(l.from)) pull.get(l.from).out += l.count;
      if (pull.has(l.to)) pull.get(l.to).in += l.count;
    }
    const needs = (n) => (pull.get(n.id).out - pull.get(n.id).in) / (pull.get(n.id).out + pull.get(n.id).in || 1);
    closed.sort((a, b) => needs(b) - needs(a) || a.cluster - b.cluster);
    const w = Math.max(...closed.map((n) => size(n).w));
    const h = Math.max(...closed.map((n) => size(n).h));
    const across = w + 56;
    const down = h + 40;
    const high = Math.max(1, Math.round(Math.sqrt((closed.length * across) / (wide * down))));
    closed.forEach(function (n, i) {
      at.set(n.id, { x: Math.floor(i / high) * across + w / 2, y: top + (i % high) * down + h / 2, w: size(n).w, h: size(n).h });
    });
  }

  function rows(alone, at, size) {
    const placed = [...at.values()];
    const left = Math.min(0, ...placed.map((p) => p.x - p.w / 2));
    const room = Math.max(900, ...placed.map((p) => p.x + p.w / 2)) - left;
    let x = left;
    let y = placed.length ? Math.max(...placed.map((p) => p.y + p.h / 2)) + 56 : 0;
    let tall = 0;
    for (const n of alone) {
      const s = size(n);
      if (x > left && x + s.w > left + room) {
        x = left;
        y += tall + 16;
        tall = 0;
      }
      tall = Math.max(tall, s.h);
      at.set(n.id, { x: x + s.w / 2, y: y + s.h / 2, w: s.w, h: s.h });
      x += s.w + 16;
    }
  }

  // routes spreads the ends of lines over the sides of their boxes and leads long lines level through the layers they
  // cross, where the layout keeps a gap for them.
  function routes(lines, graph, at) {
    const widths = new Map();
    at.forEach((p) => widths.set(Math.round(p.x), Math.max(widths.get(Math.round(p.x)) || 0, p.w / 2)));
    const half = (x) => widths.get(Math.round(x)) || 0; // of the layer whose middle is x
    const forward = (l) => at.get(l.from).x <= at.get(l.to).x;
    const leaving = new Map();
    const entering = new Map();
    for (const l of lines) {
      push(leaving, l.from + (forward(l) ? "r" : "l"), { line: l, y: at.get(l.to).y });
      push(entering, l.to + (forward(l) ? "l" : "r"), { line: l, y: at.get(l.from).y });
    }
    const start = spread(leaving, (l) => at.get(l.from));
    const end = spread(entering, (l) => at.get(l.to));
    const result = new Map();
    for (const l of lines) {
      const side = forward(l) ? 1 : -1;
      const from = at.get(l.from);
      const to = at.get(l.to);
      const s = { x: from.x + (side * from.w) / 2, y: from.y + start.get(l.id) };
      const e = { x: to.x - (side * to.w) / 2, y: to.y + end.get(l.id) };
      // Every second bend lies between two layers; only those within a layer matter.
      const bends = (graph.edge(l.from, l.to).points || []).slice(1, -1).filter((_, i) => i % 2 === 1);
      const level = bends.flatMap((p) => [-28, 0, 0, 28].map((d, i) => ({ x: p.x + side * (d + (i < 2 ? -1 : 1) * half(p.x)), y: p.y })));
      const stops = [s, ...level, e];
      const first = stops[1].x - s.x;
      const last = e.x - stops[stops.length - 2].x;
      const points = [{ x: s.x + first * 0.45, y: s.y }, ...level, { x: e.x - last * 0.45, y: e.y }];
      result.set(l.id, { source: { x: s.x - from.x, y: s.y - from.y }, target: { x: e.x - to.x, y: e.y - to.y }, ...relative(s, e, points) });
    }
    return result;
  }

  function push(map, key, value) {
    if (!map.has(key)) map.set(key, []);
    map.get(key).push(value);
  }

  function spread(sides, box) {
    const offsets = new Map();
    sides.forEach(function (lines) {
      lines.sort((a, b) => a.y - b.y || (a.line.id < b.line.id ? -1 : 1));
      const room = box(lines[0].line).h - 14;
      const step = Math.min(7, room / Math.max(1, lines.length - 1));
      lines.forEach((l, i) => offsets.set(l.line.id, (i - (lines.length - 1) / 2) * step));
    });
    return offsets;
  }

  // relative says the bends as shares of the way from s to e and distances from it, as the canvas wants them.
  function relative(s, e, points) {
    const dx = e.x - s.x;
    const dy = e.y - s.y;
    const length = Math.hypot(dx, dy) || 1;
    return {
      weights: points.map((p) => ((p.x - s.x) * dx + (p.y - s.y) * dy) / (length * length)),
      distances: points.map((p) => (-(p.x - s.x) * dy + (p.y - s.y) * dx) / length),
    };
  }
})();
