"use strict";
// The map page: what is chosen, kept in the address, and who is told when it changes.
(function () {
  const caravan = (window.caravan = window.caravan || {});
  const h = caravan.element;
  const { number, closeFilters, filters, finder, views } = caravan.controls;
  const $ = (id) => document.getElementById(id);
  const root = $("map");
  const SEEN = ["", "both", "never-configured", "never-seen", "unclear"];
  const phone = window.matchMedia("(max-width: 760px)");

  // source gives the data and the details of a service: from the server, or from the page when it is one file.
  async function source() {
    const inline = $("map-data");
    if (inline) {
      const { map, graph } = JSON.parse(inline.textContent);
      const list = (values, test) => (values || []).filter(test);
      return {
        data: map,
        detail: async (name) => ({
          service: graph.services.find((s) => s.name === name),
          needs: list(graph.edges, (e) => e.from === name),
          needed: list(graph.edges, (e) => e.to === name),
          doubts: list(graph.doubts, (d) => d.about === name),
        }),
      };
    }
    const get = async function (address) {
      const answer = await fetch(address);
      if (!answer.ok) throw new Error("the server answered " + answer.status);
      return answer.json();
    };
    return { data: await get(root.dataset.src), detail: (name) => get(root.dataset.detail + encodeURIComponent(name)) };
  }

  // view is what is chosen. Everything in it can be read back from the address.
  function readView(model) {
    const q = new URLSearchParams(location.search);
    const selected = model.byName.get(q.get("select") || "");
    const open = new Map();
    for (const name of q.getAll("open")) {
      const c = model.data.clusters.findIndex((k) => k.name === name);
      if (c >= 0) open.set(c, 1);
    }
    return {
      q: q.get("q") || "",
      selected: selected === undefined ? -1 : selected,
      focus: q.get("focus") === "1" && selected !== undefined ? selected : -1,
      group: "",
      grouped: q.has("group") ? q.get("group") === "1" : null,
      open,
      list: q.get("view") === "list",
      filters: {
        kinds: new Set(q.getAll("kind")),
        teams: new Set(q.getAll("team")),
        environment: q.get("environment") || "",
        hideInfrastructure: q.get("infrastructure") === "0",
        confidence: Math.min(100, Math.max(0, Number(q.get("sure")) || 0)),
        seen: Math.max(0, SEEN.indexOf(q.get("seen") || "")),
      },
    };
  }

  function address(view, model) {
    const q = new URLSearchParams();
    const now = new URLSearchParams(location.search);
    if (now.has("snapshot")) q.set("snapshot", now.get("snapshot"));
    if (view.selected >= 0) q.set("select", model.services[view.selected].name);
    if (view.focus >= 0) q.set("focus", "1");
    if (view.q) q.set("q", view.q);
    view.filters.kinds.forEach((k) => q.append("kind", k));
    view.filters.teams.forEach((t) => q.append("team", t));
    if (view.filters.environment) q.set("environment", view.filters.environment);
    if (view.filters.hideInfrastructure) q.set("infrastructure", "0");
    if (view.filters.confidence) q.set("sure", view.filters.confidence);
    if (view.filters.seen) q.set("seen", SEEN[view.filters.seen]);
    if (view.grouped !== null) q.set("group", view.grouped ? "1" : "0");
    view.open.forEach((_, c) => q.append("open", model.data.clusters[c].name));
    if (view.list) q.set("view", "list");
    const text = q.toString();
    return location.pathname + (text ? "?" + text : "");
  }

  async function start() {
    const { data, detail } = await source();
    const model = caravan.model(data);
    const panel = $("panel");
    let view = readView(model);
    let scene = null;
    let drawn = ""; // what the picture was last drawn for
    let asked = 0;
    const canvas = caravan.canvas($("canvas"), model, { pick, clear: () => select(-1), point: say, fit });

    function save(push) {
      const next = address(view, model);
      if (next === location.pathname + location.search) return;
      history[push ? "pushState" : "replaceState"](null, "", next);
    }

    // draw brings the page in line with the view.
    function draw() {
      scene = model.scene(view);
      const key = scene.nodes.map((n) => n.id + (n.size || "")).join() + "|" + scene.lines.map((l) => l.id).join();
      if (key !== drawn && !view.list) {
        drawn = key;
        canvas.show(scene);
        fit();
      }
      mark();
      controls();
      if (view.list) rows();
    }

    // fit shows what matters: a group just opened, on a phone the surroundings of what is selected, else everything.
    function fit() {
      const covered = { bottom: phone.matches ? (panel.hidden ? 0 : panel.offsetHeight) : 44 };
      const least = phone.matches ? 0.6 : view.open.size && scene.grouped ? 0.8 : 0;
      const near = phone.matches && view.selected >= 0 && !scene.grouped ? [view.selected] : null;
      const last = scene.grouped && [...view.open.keys()].pop();
      if (near) canvas.fit(near.map((i) => scene.stands.get(i)), covered, least);
      else if (last !== false && last !== undefined) canvas.fit(["c" + last], covered, least, scene.stands.get(view.selected));
      else canvas.fit(null, covered, least);
    }

    function mark() {
      const matches = view.q ? new Set(model.search(view.q, Infinity).map((f) => scene.stands.get(f.service))) : null;
      const stand = (i) => scene.stands.get(i);
      if (view.selected >= 0) {
        canvas.mark({ selected: stand(view.selected), needs: model.out[view.selected].map((e) => stand(e[1])), breaks: model.into[view.selected].map((e) => stand(e[0])) });
      } else if (view.group) {
        const of = (from, to) => scene.lines.filter((l) => l[from] === view.group).map((l) => l[to]);
        canvas.mark({ selected: view.group, needs: of("from", "to"), breaks: of("to", "from") });
      } else {
        canvas.mark({ matches });
      }
    }

    function controls() {
      const f = view.filters;
      document.querySelectorAll('input[name="kind"]').forEach((box) => (box.checked = !f.kinds.size || f.kinds.has(box.value)));
      document.querySelectorAll('input[name="team"]').forEach((box) => (box.checked = f.teams.has(box.value)));
      $("environment").value = f.environment;
      $("hide-infrastructure").checked = f.hideInfrastructure;
      $("grouped").checked = scene.grouped;
      $("grouped").disabled = scene.forced || view.focus >= 0;
      $("confidence").value = f.confidence;
      $("seen").value = f.seen || "";
      $("confidence-value").value = f.confidence + " %";
      if (document.activeElement !== $("search")) $("search").value = view.q;
      $("view-map").setAttribute("aria-pressed", String(!view.list));
      $("view-list").setAttribute("aria-pressed", String(view.list));
      $("list").hidden = !view.list;
      root.classList.toggle("as-list", view.list);
      $("nothing").hidden = scene.shown.length > 0 || view.list;
      const lines = scene.lines.reduce((n, l) => n + l.count, 0);
      let text = number(scene.shown.length) + " of " + number(model.services.length) + " services, " + number(lines) + " edges";
      if (scene.shown.length === model.services.length && !f.seen) text = number(scene.shown.length) + " services, " + number(data.edges.length) + " edges";
      const hint = scene.grouped && h("span", { class: "wide-only" }, " · point at a group to see its connections, open it to see its services");
      $("summary").replaceChildren(text, hint || "");
    }

    function rows() {
      const body = scene.shown.map(function (i) {
        const s = model.services[i];
        const go = h("button", { type: "button", class: "go", click: () => select(i) }, s.name);
        const row = h("tr", { "data-service": s.name }, h("th", { scope: "row" }, caravan.kindMark(s.kind), go), h("td", {}, s.team < 0 ? h("span", { class: "quiet" }, "none") : data.teams[s.team]), h("td", { class: "number" }, String(model.out[i].length)), h("td", { class: "number" }, String(model.into[i].length)));
        if (i === view.selected) row.setAttribute("aria-selected", "true");
        return row;
      });
      $("rows").replaceChildren(...body);
    }

    // pick is what a click or Enter on a box means.
    function pick(id) {
      canvas.point(id);
      const n = Number(id.slice(1));
      if (id[0] === "s") return select(n);
      if (id[0] === "m") view.open.set(n, view.open.get(n) + 1);
      else if (view.open.has(n)) view.open.delete(n);
      else view.open.set(n, 1);
      view.group = "";
      changed(true);
    }

    function say(id) {
      const n = Number(id.slice(1));
      const s = model.services[n];
      $("summary").textContent = id[0] === "s" ? s.name + ", " + s.kind + (s.team < 0 ? ", no owner" : ", " + data.teams[s.team]) : id[0] === "m" ? "More services of this group. Enter shows them." : "Group " + data.clusters[n].label + ". Enter opens or closes it.";
    }

    function select(i) {
      if (i === view.selected && !panel.hidden) return;
      view.selected = i;
      view.group = "";
      if (i < 0) view.focus = -1;
      else if (view.focus >= 0) view.focus = i;
      else if (scene.grouped && scene.stands.has(i)) view.open.set(model.services[i].cluster, view.open.get(model.services[i].cluster) || 1);
      changed(true);
    }

    function changed(push) {
      save(push);
      draw();
      fill();
    }

    const actions = {
      select: (name) => select(model.byName.get(name)),
      close: function () {
        select(-1);
        if (!view.list) $("canvas").focus();
      },
      focus: function () {
        view.focus = view.focus >= 0 ? -1 : view.selected;
        changed(true);
      },
      trace: function (name) {
        const other = model.byName.get(name);
        const a = scene.stands.get(view.selected);
        const b = scene.stands.get(other);
        canvas.trace(scene.lines.some((l) => l.from === a && l.to === b) ? [a, b] : [b, a]);
      },
      tracePath: (path, back) => canvas.trace((back ? path.slice().reverse() : path).map((i) => scene.stands.get(i))),
      untrace: () => mark(),
      get focused() {
        return view.focus >= 0;
      },
    };

    // fill shows the panel of what is selected; an answer that comes after another choice is dropped.
    async function fill() {
      const turn = ++asked;
      const chosen = view.selected;
      const was = panel.hidden;
      if (chosen < 0) {
        panel.hidden = true;
        panel.replaceChildren();
        delete root.dataset.selected;
        if (!was) resize();
        return;
      }
      const name = model.services[chosen].name;
      panel.hidden = false;
      root.dataset.selected = "";
      if (was) resize();
      canvas.reveal(scene.stands.get(chosen), { bottom: phone.matches ? panel.offsetHeight : 0 });
      try {
        const found = await detail(name);
        if (turn !== asked) return;
        caravan.panel(panel, model, found, actions);
        if (phone.matches) resize();
      } catch (error) {
        if (turn !== asked) return;
        panel.replaceChildren(h("p", { class: "failure" }, "The evidence of " + name + " could not be read: " + error.message + ". Try again in a moment."), h("p", { class: "actions" }, h("button", { type: "button", class: "button", click: fill }, "Try again")));
      }
      root.dataset.selected = name;
    }

    function resize() {
      if (canvas.moved()) canvas.resize();
      else fit();
    }

    filters(model, () => view, changed);
    finder(model, (i) => select(i), function (q) {
      view.q = q;
      save(false);
      mark();
    });
    views(() => view, changed, canvas, fit);

    window.addEventListener("popstate", function () {
      view = readView(model);
      draw();
      fill();
    });
    window.addEventListener("resize", resize);
    document.addEventListener("keydown", function (event) {
      const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
      if (event.key === "/" && !typing) {
        event.preventDefault();
        root.classList.add("filters-open");
        $("search").focus();
      } else if (event.key === "Escape" && !typing) {
        if (root.classList.contains("filters-open")) closeFilters();
        else if (view.selected >= 0) actions.close();
      }
    });

    caravan.look = () => ({ ...canvas.state(), view, grouped: scene.grouped, shown: scene.shown.length });
    if (view.selected >= 0 && view.focus < 0 && model.scene(view).grouped) view.open.set(model.services[view.selected].cluster, 1);
    draw();
    root.dataset.state = "ready";
    $("loading").hidden = true;
    fill();
    performance.mark("map-ready");
  }

  start().catch(function (error) {
    root.dataset.state = "failed";
    $("loading").replaceChildren(h("h2", {}, "The map could not be drawn"), h("p", {}, error.message + ". Load the page again; if it stays, the list of doubts and the services' pages still work."));
  });
})();
