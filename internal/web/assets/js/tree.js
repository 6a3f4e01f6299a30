"use strict";
// The tree of files: a field that leaves only paths with its words, and the mark of the file that is open. Elements are
// looked up when something happens, as going back puts others in their place.
(function () {
  const before = new WeakMap(); // folder → whether it was open before anything was typed

  function settle(folder, filtering) {
    const shown = folder.querySelector(":scope > ul > li:not([hidden])") !== null;
    folder.parentElement.hidden = !shown;
    if (filtering) {
      if (!before.has(folder)) before.set(folder, folder.open);
      folder.open = shown;
    } else if (before.has(folder)) {
      folder.open = before.get(folder);
      before.delete(folder);
    }
  }

  function filter(field) {
    const tree = field.closest("[data-tree]");
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const file of tree.querySelectorAll("[data-path]")) {
      const fits = words.every((word) => file.dataset.path.toLowerCase().includes(word));
      file.parentElement.hidden = !fits;
      if (fits) found++;
    }
    const inside = [...tree.querySelectorAll("details")].reverse(); // inner ones first
    for (const folder of inside) settle(folder, words.length > 0);
    tree.querySelector(".tree-none").hidden = found > 0;
  }

  function mark() {
    const path = new URLSearchParams(location.search).get("path");
    for (const file of document.querySelectorAll("[data-tree] [data-path]")) {
      if (file.dataset.path === path) file.setAttribute("aria-current", "true");
      else file.removeAttribute("aria-current");
    }
  }

  // where tree and file are one below the other, what was opened would be out of sight
  function reveal(event) {
    if (event.target.id !== "viewer") return;
    const top = event.target.getBoundingClientRect().top;
    if (top < 0 || top > window.innerHeight / 2) event.target.scrollIntoView();
  }

  function ready() {
    for (const field of document.querySelectorAll(".tree-filter")) field.hidden = false;
    mark();
  }

  document.addEventListener("input", function (event) {
    if (event.target.id === "tree-filter") filter(event.target);
  });
  document.addEventListener("htmx:pushedIntoHistory", mark);
  document.addEventListener("htmx:historyRestore", ready);
  document.addEventListener("htmx:afterSettle", reveal);
  ready();
})();
