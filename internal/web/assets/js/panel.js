"use strict";
// The panel of a selected service: its facts, what it needs, who breaks without it, with the lines that prove it.
// Names are only ever set as text.
(function () {
  const caravan = (window.caravan = window.caravan || {});

  // h makes an element: h("p", {class: "a"}, "text", child).
  function h(tag, attributes, ...children) {
    const e = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (typeof value === "function") e.addEventListener(key, value);
      else if (value !== undefined && value !== false) e.setAttribute(key, value === true ? "" : value);
    }
    e.append(...children.flat().filter((c) => c !== undefined && c !== null && c !== false));
    return e;
  }
  caravan.element = h;

  const outlines = {
    datastore: "M2 4.2v7.6C2 13 6.5 14 12 14s10-1 10-2.2V4.2C22 3 17.5 2 12 2S2 3 2 4.2zm0 0C2 5.4 6.5 6.4 12 6.4s10-1 10-2.2",
    external: "M6 2h12l4 4v4l-4 4H6l-4-4V6z",
    host: "M2 2h20v12H2zM6 2v12",
    service: "M6 2h12a4 4 0 0 1 4 4v4a4 4 0 0 1-4 4H6a4 4 0 0 1-4-4V6a4 4 0 0 1 4-4z",
  };

  // kindMark is the shape that stands for a kind.
  caravan.kindMark = function (kind) {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    svg.setAttribute("class", "kind-mark " + kind);
    svg.setAttribute("viewBox", "0 0 24 16");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS(space, "path");
    path.setAttribute("d", outlines[kind] || outlines.service);
    svg.append(path);
    return svg;
  };

  const place = (p) => (p.line ? p.file + ":" + p.line : p.file);
  const percent = (confidence) => Math.round(confidence * 100) + " %";
  const listed = (values) => (values && values.length ? values.join(", ") : "");

  function facts(s) {
    const rows = [
      ["Owner", s.team || "no team owns it", !s.team],
      ["Technology", s.technology],
      ["Role", s.role],
      ["Environments", listed(s.environments)],
      ["Hosts", listed(s.hosts)],
      ["Ports", listed(s.ports)],
      ["Also called", listed([...new Set((s.names || []).map((n) => n.value).filter((v) => v !== s.name))])],
    ];
    return h("dl", { class: "facts" }, rows.filter((r) => r[1]).map((r) => h("div", {}, h("dt", {}, r[0]), h("dd", { class: r[2] ? "missing" : undefined }, r[1]))));
  }

  const connections = (n) => n + (n === 1 ? " connection" : " connections");
  const moment = (at) => new Date(at).toISOString().slice(0, 16).replace("T", " ") + " UTC";

  // sight says how an edge compares with what was seen running.
  function sight(s) {
    if (!s) return "";
    if (s.state === "both") return ", seen at " + moment(s.last);
    if (s.state === "never-configured") return ", never configured";
    if (s.state === "never-seen") return ", never seen; looked at " + moment(s.looked);
    return ", seen from its machine, perhaps from another service there";
  }

  function evidence(e) {
    if (e.at) return h("div", { class: "evidence seen" }, h("code", { class: "where" }, place(e.place)), h("code", { class: "what" }, e.key + " → " + e.value), h("span", { class: "why" }, "seen at " + moment(e.at) + ", " + connections(e.count || 0)));
    return h("div", { class: "evidence" }, h("code", { class: "where" }, place(e.place)), h("code", { class: "what" }, e.value ? e.key + " = " + e.value : e.key), h("span", { class: "why" }, e.why));
  }

  function edgeBlock(edge) {
    const proofs = (edge.evidence || []).map(evidence);
    const rest = proofs.length > 2 ? h("details", { class: "more" }, h("summary", {}, proofs.length - 1 + " more places"), proofs.slice(1)) : proofs.slice(1);
    return h("div", { class: "edge" }, h("p", { class: "edge-head" }, h("span", { class: "tag" }, edge.kind), h("span", { class: "sure" }, percent(edge.confidence) + " sure, " + edge.origin + sight(edge.seen))), proofs.slice(0, 1), rest);
  }

  function neighbours(model, edges, other, actions) {
    const by = new Map();
    for (const e of edges) {
      const name = e[other];
      if (!by.has(name)) by.set(name, []);
      by.get(name).push(e);
    }
    const pale = (between) => between.every((e) => e.infrastructure);
    const sorted = [...by].sort((a, b) => pale(a[1]) - pale(b[1]));
    return sorted.map(function ([name, between]) {
      const s = model.services[model.byName.get(name)];
      const go = h("button", { type: "button", class: "go", click: () => actions.select(name), mouseenter: () => actions.trace(name), mouseleave: () => actions.untrace(), focus: () => actions.trace(name), blur: () => actions.untrace() }, name);
      return h("li", { class: "card", "data-neighbour": name }, h("p", { class: "card-head" }, caravan.kindMark(s ? s.kind : "service"), go), between.map(edgeBlock));
    });
  }

  function further(model, reached, arrow, actions) {
    const far = reached.filter((r) => r.distance > 1);
    if (!far.length) return null;
    const most = 60;
    const rows = far.slice(0, most).map(function (r) {
      const names = r.path.map((i) => model.services[i].name);
      const show = () => actions.tracePath(r.path, arrow === "←");
      return h("li", {}, h("button", { type: "button", class: "go", click: () => actions.select(names[names.length - 1]), mouseenter: show, mouseleave: () => actions.untrace(), focus: show, blur: () => actions.untrace() }, names[names.length - 1]), h("span", { class: "path" }, names.flatMap((n, i) => (i ? [h("span", { class: "hop", "aria-hidden": "true" }, " " + arrow + " "), h("span", {}, n)] : [h("span", {}, n)]))));
    });
    if (far.length > most) rows.push(h("li", { class: "quiet" }, far.length - most + " more; the page of the service has all"));
    return h("details", { class: "more", open: far.length <= 6 }, h("summary", {}, far.length + " more through others"), h("ul", { class: "paths" }, rows));
  }

  function section(title, key, line, direct, far, none) {
    return h("section", { "data-list": key }, h("h3", {}, h("i", { class: "key-line " + line }), title, h("span", { class: "tally" }, String(direct.length))), direct.length ? h("ul", { class: "cards" }, direct) : h("p", { class: "quiet" }, none), far);
  }

  // panel fills the element with a service's details.
  caravan.panel = function (element, model, detail, actions) {
    const s = detail.service;
    const i = model.byName.get(s.name);
    const needs = neighbours(model, detail.needs, "to", actions);
    const breaks = neighbours(model, detail.needed, "from", actions);
    const doubts = (detail.doubts || []).map((d) => h("li", { class: "card doubt" }, h("p", {}, d.text), h("p", { class: "place" }, h("code", {}, place(d.place)))));
    element.replaceChildren(
      h("header", { class: "panel-head" }, caravan.kindMark(s.kind), h("h2", {}, s.name), h("button", { type: "button", class: "icon-button", "aria-label": "Close", id: "close-panel", click: actions.close }, "×")),
      h("p", { class: "tags" }, h("span", { class: "tag" }, s.kind), s.infrastructure && h("span", { class: "tag" }, "infrastructure"), s.group && h("span", { class: "tag circle" }, "in a circle")),
      h("p", { class: "actions" }, h("button", { type: "button", class: "button", id: "focus", "aria-pressed": String(actions.focused), click: actions.focus }, actions.focused ? "Show all again" : "Only its surroundings"), detail.page && h("a", { class: "button", href: detail.page }, "Open its page")),
      facts(s),
      section("Needs", "needs", "needs", needs, further(model, model.reach(i, true), "→", actions), "It needs nothing else that is known."),
      section("Breaks if it stops", "breaks", "breaks", breaks, further(model, model.reach(i, false), "←", actions), "Nothing that is known needs it."),
      doubts.length ? h("section", { "data-list": "doubts" }, h("h3", {}, "In doubt", h("span", { class: "tally" }, String(doubts.length))), h("ul", { class: "cards" }, doubts)) : "",
    );
    element.scrollTop = 0;
  };
})();
