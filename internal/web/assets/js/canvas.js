"use strict";
// The drawn map: boxes and lines on a canvas, with a cursor for the keyboard. It shows scenes and tells what was picked.
(function () {
  const caravan = (window.caravan = window.caravan || {});
  const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
  const TEAMS = 10;

  // palette reads the colours of the page's theme.
  function palette() {
    const probe = document.createElement("i");
    document.body.append(probe);
    const read = function (token) {
      probe.style.color = "var(--" + token + ")";
      return getComputedStyle(probe).color;
    };
    const colours = {};
    for (const token of ["surface", "sunken", "ink", "ink-soft", "line-strong", "edge", "edge-pale", "accent", "accent-soft", "danger", "service", "datastore", "external", "host"]) colours[token] = read(token);
    colours.teams = Array.from({ length: TEAMS }, (_, i) => read("team-" + i));
    probe.remove();
    return colours;
  }

  function rules(c) {
    return [
      { selector: "node", style: { label: "data(label)", width: "data(w)", height: "data(h)", shape: "data(shape)", "background-color": "data(fill)", "border-color": "data(border)", "border-width": 1.5, color: c.ink, "font-family": FONT, "font-size": 13, "font-weight": 500, "text-valign": "center", "text-halign": "center", "text-wrap": "wrap", "text-max-width": 320, "line-height": 1.35, "overlay-opacity": 0 } },
      { selector: "node.datastore", style: { "text-margin-y": 1 } },
      { selector: "node.external", style: { "border-style": "dashed" } },
      { selector: "node.host", style: { "border-style": "double", "border-width": 4 } },
      { selector: "node.infrastructure", style: { color: c["ink-soft"], "border-color": c["line-strong"], "background-color": c.surface } },
      { selector: "node.group", style: { "background-color": c.surface, "border-color": c["line-strong"], "font-weight": 600, ghost: "yes", "ghost-offset-x": 4, "ghost-offset-y": 4, "ghost-opacity": 0.35 } },
      { selector: "node.more", style: { "border-style": "dotted", color: c["ink-soft"] } },
      { selector: "node.unowned", style: { "background-color": c.surface } },
      { selector: "$node > node", style: { "background-color": c.sunken, "border-color": c["line-strong"], "border-width": 1, ghost: "no", shape: "round-rectangle", "text-valign": "top", "text-margin-y": -6, "font-weight": 600, padding: 14, color: c["ink-soft"] } },
      { selector: "edge", style: { width: "data(width)", "line-color": c.edge, "target-arrow-color": c.edge, "target-arrow-shape": "triangle", "arrow-scale": 0.85, "curve-style": "straight", "overlay-opacity": 0 } },
      { selector: "edge[weights]", style: { "curve-style": "unbundled-bezier", "edge-distances": "endpoints", "source-endpoint": "data(source_at)", "target-endpoint": "data(target_at)", "control-point-weights": "data(weights)", "control-point-distances": "data(distances)" } },
      { selector: "edge.hushed", style: { "curve-style": "unbundled-bezier", "control-point-distances": 36, "control-point-weights": 0.5, opacity: 0, events: "no" } },
      { selector: "edge.hint", style: { opacity: 0.5, "line-color": c["edge-pale"], "target-arrow-color": c["edge-pale"] } },
      { selector: "edge.unsure", style: { "line-style": "dashed", "line-dash-pattern": [5, 4] } },
      { selector: "edge.circle", style: { "line-color": c.accent, "target-arrow-color": c.accent } },
      { selector: "edge.infrastructure", style: { "line-color": c["edge-pale"], "target-arrow-color": c["edge-pale"] } },
      { selector: "edge.never-seen", style: { "line-style": "dotted", "line-color": c["line-strong"], "target-arrow-color": c["line-strong"], "target-arrow-fill": "hollow" } },
      { selector: "edge.seen-only", style: { "line-style": "dashed", "line-dash-pattern": [9, 3, 2, 3], "line-color": c.danger, "target-arrow-color": c.danger, width: 2 } },
      { selector: ".dim", style: { opacity: 0.28 } },
      { selector: "edge.hushed.dim", style: { opacity: 0 } },
      { selector: "node.match", style: { "border-color": c.accent, "border-width": 2.5 } },
      { selector: "edge.near", style: { "line-color": c["ink-soft"], "target-arrow-color": c["ink-soft"], opacity: 1, width: 1.6, "z-index": 5 } },
      { selector: "edge.needs", style: { "line-color": c.accent, "target-arrow-color": c.accent, opacity: 1, width: 2.2, "z-index": 6 } },
      { selector: "edge.breaks", style: { "line-color": c.ink, "target-arrow-color": c.ink, opacity: 1, width: 2, "z-index": 6 } },
      { selector: "edge.path", style: { "line-color": c.accent, "target-arrow-color": c.accent, opacity: 1, width: 4, "z-index": 8 } },
      { selector: "node.path", style: { "border-color": c.accent, "border-width": 3 } },
      { selector: "node.selected", style: { "border-color": c.accent, "border-style": "solid", "border-width": 3.5, "background-color": c["accent-soft"], "z-index": 9 } },
      { selector: "node.cursor", style: { "outline-width": 3, "outline-offset": 3, "outline-color": c.accent, "outline-opacity": 1 } },
    ];
  }

  const shapes = { service: "round-rectangle", datastore: "barrel", external: "cut-rectangle", host: "rectangle" };

  caravan.canvas = function (container, model, on) {
    const pen = document.createElement("canvas").getContext("2d");
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    let colours = palette();
    let cursor = "";
    let scene = null;
    let moved = false; // the reader has chosen the part to look at
    const cy = cytoscape({ container, style: rules(colours), autoungrabify: true, boxSelectionEnabled: false, minZoom: 0.08, maxZoom: 2.5 });

    cy.on("tap", "node", (event) => on.pick(event.target.id()));
    cy.on("tap", (event) => event.target === cy && on.clear());
    cy.on("dragpan scrollzoom pinchzoom", () => (moved = true));
    cy.on("mouseover", "node", (event) => event.target.connectedEdges().addClass("near"));
    cy.on("mouseout", "node", (event) => event.target.connectedEdges().removeClass("near"));

    function label(n) {
      if (n.service !== undefined) return short(model.services[n.service].name, 34);
      if (n.more !== undefined) return n.size + " more …";
      const name = short(model.data.clusters[n.cluster].label, 30);
      return n.open ? name + "  −" : name + "\n" + n.size + (n.size === 1 ? " service" : " services");
    }

    function size(n) {
      pen.font = (n.service === undefined ? "600" : "500") + " 13px " + FONT;
      const lines = label(n).split("\n");
      const wide = Math.max(...lines.map((l) => pen.measureText(l).width));
      return { w: Math.round(Math.max(64, wide + 28)), h: lines.length > 1 ? 54 : 36 };
    }

    function look(n) {
      const s = model.services[n.service];
      const classes = [];
      let fill = colours.surface;
      let border = colours.service;
      let shape = "round-rectangle";
      if (s) {
        classes.push(s.kind);
        if (s.infrastructure) classes.push("infrastructure");
        if (s.team < 0) classes.push("unowned");
        else fill = colours.teams[s.team % TEAMS];
        border = colours[s.kind] || colours.service;
        shape = shapes[s.kind] || shape;
      } else {
        classes.push(n.more !== undefined ? "more" : "group");
      }
      return { classes, data: { fill, border, shape } };
    }

    function nodeElement(n, at) {
      const { classes, data } = look(n);
      const place = at.get(n.id);
      const s = size(n);
      return { group: "nodes", data: { id: n.id, parent: n.parent, label: label(n), w: s.w, h: s.h, ...data }, classes, position: place ? { x: place.x, y: place.y } : undefined };
    }

    function edgeElement(l, routes) {
      const r = routes.get(l.id);
      const classes = [];
      if (l.hushed) classes.push("hushed");
      if (l.hint) classes.push("hint");
      if (l.infrastructure) classes.push("infrastructure");
      else if (l.circle) classes.push("circle");
      if (l.confidence < 50) classes.push("unsure");
      if (l.seenOnly) classes.push("seen-only");
      else if (l.neverSeen) classes.push("never-seen");
      const width = l.count > 1 ? Math.min(5, 1.2 + l.count / 10) : 1.4;
      const data = { id: l.id, source: l.from, target: l.to, width };
      const end = (p) => p.x + "px " + p.y + "px";
      if (r) Object.assign(data, { weights: r.weights, distances: r.distances, source_at: end(r.source), target_at: end(r.target) });
      else if (!l.hushed) classes.push("hushed");
      return { group: "edges", data, classes };
    }

    function show(next) {
      scene = next;
      const { at, routes } = caravan.layout(scene, size, cy.width() / Math.max(1, cy.height()));
      cy.batch(function () {
        cy.elements().remove();
        const parents = scene.nodes.filter((n) => n.open);
        const boxes = scene.nodes.filter((n) => !n.open);
        cy.add(parents.concat(boxes).map((n) => nodeElement(n, at)));
        cy.add(scene.lines.map((l) => edgeElement(l, routes)));
      });
      if (!cy.getElementById(cursor).nonempty()) cursor = "";
      point(cursor);
    }

    // mark dims everything but a selection with its lines, or what a search matches.
    function mark({ selected, needs, breaks, matches }) {
      cy.batch(function () {
        cy.elements().removeClass("dim selected needs breaks match path");
        if (matches) {
          cy.nodes(":childless").forEach((n) => void n.addClass(matches.has(n.id()) ? "match" : "dim"));
          cy.edges().addClass("dim");
        }
        const node = selected ? cy.getElementById(selected) : cy.collection();
        if (node.empty()) return;
        node.addClass("selected");
        const near = new Set([selected, ...needs, ...breaks]);
        cy.nodes(":childless").forEach((n) => void (near.has(n.id()) || n.addClass("dim")));
        cy.edges().forEach(function (edge) {
          const down = edge.source().id() === selected;
          const up = edge.target().id() === selected;
          edge.addClass(down ? "needs" : up ? "breaks" : "dim");
        });
      });
    }

    // trace draws a chain of boxes strongly.
    function trace(ids) {
      cy.batch(function () {
        cy.elements().removeClass("path");
        ids.forEach(function (id, i) {
          cy.getElementById(id).addClass("path").removeClass("dim");
          if (i) cy.getElementById(ids[i - 1] + ">" + id).addClass("path").removeClass("dim");
        });
      });
    }

    function move(target) {
      if (calm.matches) {
        if (target.fit) cy.fit(target.fit.eles, target.fit.padding);
        if (target.zoom) cy.zoom(target.zoom);
        if (target.center) cy.center(target.center.eles);
        if (target.panBy) cy.panBy(target.panBy);
        return;
      }
      cy.stop();
      cy.animate(target, { duration: 180 });
    }

    // fit shows the boxes of these ids, or all, in the part of the canvas that nothing covers: never larger than life,
    // and never so small that names cannot be read on a small screen; the left top is shown then.
    function fit(ids, covered, least, centre) {
      cy.resize();
      cy.stop();
      const some = ids ? cy.collection(ids.map((id) => cy.getElementById(id)).filter((n) => n.nonempty())) : cy.nodes();
      if (some.empty()) return;
      const b = some.boundingBox({ includeEdges: false });
      const edge = 28;
      const w = cy.width() - 2 * edge - (covered.right || 0);
      const h = cy.height() - 2 * edge - (covered.bottom || 0);
      const level = Math.min(1.15, Math.max(least || 0, cy.minZoom(), Math.min(w / b.w, h / b.h)));
      const place = (room, length, from) => edge + Math.max(0, (room - length * level) / 2) - from * level;
      cy.viewport({ zoom: level, pan: { x: place(w, b.w, b.x1), y: place(h, b.h, b.y1) } });
      if (centre) reveal(centre, covered);
      moved = false;
    }

    function zoom(factor) {
      moved = true;
      const level = Math.min(cy.maxZoom(), Math.max(cy.minZoom(), cy.zoom() * factor));
      cy.zoom({ level, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
    }

    // reveal moves the picture only if a box is out of sight, and no further than needed; covered is what lies over it.
    function reveal(id, covered) {
      const node = cy.getElementById(id);
      if (node.empty()) return;
      const b = node.renderedBoundingBox({ includeOverlays: false });
      const into = (low, high, room) => (low < 8 ? 40 - low : high > room - 8 ? room - 40 - high : 0);
      const x = into(b.x1, b.x2, cy.width() - (covered.right || 0));
      const y = into(b.y1, b.y2, cy.height() - (covered.bottom || 0));
      if (x || y) move({ panBy: { x, y } });
    }

    function point(id) {
      cy.elements().removeClass("cursor near");
      cursor = id;
      if (document.activeElement !== container) return;
      cy.getElementById(id).addClass("cursor").connectedEdges().addClass("near");
    }

    // step moves the cursor to the nearest box in a direction; sideways counts double.
    function step(dx, dy) {
      const boxes = cy.nodes(":childless");
      const now = cy.getElementById(cursor);
      let best = null;
      let least = Infinity;
      boxes.forEach(function (n) {
        const p = n.position();
        if (now.empty()) {
          const cost = p.x + p.y * 0.5;
          if (cost < least) [best, least] = [n, cost];
          return;
        }
        const o = now.position();
        const along = (p.x - o.x) * dx + (p.y - o.y) * dy;
        const aside = Math.abs((p.x - o.x) * dy) + Math.abs((p.y - o.y) * dx);
        const cost = along + 2 * aside;
        if (along > 4 && cost < least) [best, least] = [n, cost];
      });
      if (!best) return;
      point(best.id());
      reveal(best.id(), {});
      on.point(best.id());
    }

    function restyle() {
      colours = palette();
      cy.style(rules(colours));
      if (!scene) return;
      cy.batch(function () {
        for (const n of scene.nodes) cy.getElementById(n.id).data(look(n).data);
      });
    }

    container.addEventListener("keydown", function (event) {
      const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (ways[event.key]) step(...ways[event.key]);
      else if (event.key === "Enter" && cursor) on.pick(cursor);
      else if (event.key === "+" || event.key === "=") zoom(1.3);
      else if (event.key === "-") zoom(1 / 1.3);
      else if (event.key === "0") on.fit();
      else return;
      event.preventDefault();
    });
    container.addEventListener("focus", () => (cursor ? point(cursor) : step(1, 0)));
    container.addEventListener("blur", () => cy.elements().removeClass("cursor near"));
    document.addEventListener("caravan-theme", restyle);

    return { show, mark, trace, fit, zoom, reveal, point, resize: () => cy.resize(), moved: () => moved, state: () => describe(cy) };
  };

  // describe tells tests what is on the picture.
  function describe(cy) {
    return {
      nodes: cy.nodes().map((n) => ({ id: n.id(), label: n.data("label"), classes: n.classes(), box: n.renderedBoundingBox() })),
      edges: cy.edges().map((e) => ({ id: e.id(), classes: e.classes() })),
      zoom: cy.zoom(),
    };
  }

  function short(text, most) {
    return text.length <= most ? text : text.slice(0, most - 12) + "…" + text.slice(-10);
  }
})();
