"use strict";
// The controls around the map: filters on the left, the search field, the bar above the picture. They change the view
// they are given and say so; what follows from it is decided elsewhere.
(function () {
  const caravan = (window.caravan = window.caravan || {});
  const h = caravan.element;
  const $ = (id) => document.getElementById(id);

  function number(n) {
    return n.toLocaleString("en");
  }

  function closeFilters() {
    $("map").classList.remove("filters-open");
    $("open-filters").setAttribute("aria-expanded", "false");
  }

  // filters wires the left side.
  function filters(model, view, changed) {
    const { data, services } = model;
    const count = (test) => number(services.filter(test).length);
    document.querySelectorAll("[data-count]").forEach((e) => (e.textContent = count((s) => s.kind === e.dataset.count)));
    const box = (name, label, n, tint) => h("label", { class: "choice" }, h("input", { type: "checkbox", name: "team", value: name }), h("i", { class: "swatch tint-" + tint }), h("span", {}, label), h("span", { class: "count" }, n));
    $("teams").append(...data.teams.map((t, i) => box(t, t, count((s) => s.team === i), i % 10)), box("", "No owner", count((s) => s.team < 0), "none"));
    data.environments.forEach((e) => $("environment").append(h("option", { value: e }, e)));
    $("environment-field").hidden = data.environments.length < 2;

    const all = ["service", "datastore", "external", "host"];
    document.querySelectorAll('input[name="kind"]').forEach((input) =>
      input.addEventListener("change", function () {
        const on = [...document.querySelectorAll('input[name="kind"]:checked')].map((i) => i.value);
        view().filters.kinds = new Set(on.length === all.length ? [] : on.length ? on : ["none"]);
        changed(true);
      }),
    );
    $("teams").addEventListener("change", function () {
      view().filters.teams = new Set([...document.querySelectorAll('input[name="team"]:checked')].map((i) => i.value));
      changed(true);
    });
    const on = (id, event, set) =>
      $(id).addEventListener(event, function () {
        set(view(), $(id));
        changed(event === "change");
      });
    on("environment", "change", (v, e) => (v.filters.environment = e.value));
    on("hide-infrastructure", "change", (v, e) => (v.filters.hideInfrastructure = e.checked));
    on("seen", "change", (v, e) => (v.filters.seen = Number(e.value)));
    on("grouped", "change", (v, e) => ((v.grouped = e.checked), v.open.clear()));
    on("confidence", "input", (v, e) => (v.filters.confidence = Number(e.value)));
    const reset = function () {
      const v = view();
      v.filters = { kinds: new Set(), teams: new Set(), environment: "", hideInfrastructure: false, confidence: 0, seen: 0 };
      v.focus = -1;
      v.grouped = null;
      v.open.clear();
      v.q = $("search").value = "";
      changed(true);
    };
    $("reset").addEventListener("click", reset);
    $("nothing-reset").addEventListener("click", reset);
    $("open-filters").addEventListener("click", function () {
      const open = $("map").classList.toggle("filters-open");
      $("open-filters").setAttribute("aria-expanded", String(open));
      if (open) $("search").focus();
    });
  }

  // finder wires the search field: a list that arrow keys walk.
  function finder(model, select, typed) {
    const field = $("search");
    const list = $("results");
    let found = [];
    let at = 0;

    function offer() {
      found = model.search(field.value, 12);
      at = 0;
      list.replaceChildren(...found.map(option));
      if (field.value.trim() && !found.length) list.replaceChildren(h("li", { class: "none" }, "Nothing is called that"));
      open(field.value.trim() !== "");
      highlight();
    }

    function option(f, i) {
      const s = model.services[f.service];
      const li = h("li", { role: "option", id: "result-" + i, "data-service": s.name }, caravan.kindMark(s.kind), h("span", { class: "result-name" }, s.name), h("span", { class: "result-note" }, f.alias || (s.team < 0 ? "" : model.data.teams[s.team])));
      li.addEventListener("mousedown", function (event) {
        event.preventDefault();
        take(i);
      });
      return li;
    }

    function open(yes) {
      list.hidden = !yes;
      field.setAttribute("aria-expanded", String(yes));
    }

    function highlight() {
      [...list.children].forEach((li, i) => li.setAttribute("aria-selected", String(i === at)));
      if (found.length) field.setAttribute("aria-activedescendant", "result-" + at);
      else field.removeAttribute("aria-activedescendant");
    }

    function take(i) {
      if (!found[i]) return;
      open(false);
      field.value = "";
      typed("");
      closeFilters();
      select(found[i].service);
      $("panel").focus();
    }

    field.addEventListener("input", function () {
      offer();
      typed(field.value.trim());
    });
    field.addEventListener("focus", () => field.value.trim() && offer());
    field.addEventListener("blur", () => open(false));
    field.addEventListener("keydown", function (event) {
      if (event.key === "ArrowDown") at = Math.min(found.length - 1, at + 1);
      else if (event.key === "ArrowUp") at = Math.max(0, at - 1);
      else if (event.key === "Enter") take(at);
      else if (event.key === "Escape") {
        field.value = "";
        typed("");
        open(false);
        closeFilters();
        $("canvas").focus();
      } else return;
      event.preventDefault();
      highlight();
    });
  }

  // views wires the bar above the picture.
  function views(view, changed, canvas, fit) {
    const to = (list) =>
      function () {
        view().list = list;
        changed(true);
      };
    $("view-map").addEventListener("click", to(false));
    $("view-list").addEventListener("click", to(true));
    $("zoom-in").addEventListener("click", () => canvas.zoom(1.3));
    $("zoom-out").addEventListener("click", () => canvas.zoom(1 / 1.3));
    $("zoom-fit").addEventListener("click", fit);
    const menu = document.querySelector(".menu");
    if (!menu) return;
    document.addEventListener("click", (event) => menu.contains(event.target) || menu.removeAttribute("open"));
    menu.addEventListener("keydown", function (event) {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      menu.removeAttribute("open");
      menu.querySelector("summary").focus();
    });
  }

  caravan.controls = { number, closeFilters, filters, finder, views };
})();
