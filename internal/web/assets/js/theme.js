"use strict";
// Light or dark: the system's choice until the reader makes one, which is kept.
(function () {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function kept() {
    try {
      return localStorage.getItem("caravan-theme");
    } catch {
      return null; // storage may be forbidden; the system's choice holds then
    }
  }

  function keep(theme) {
    try {
      localStorage.setItem("caravan-theme", theme);
    } catch {
      return;
    }
  }

  function tell() {
    document.dispatchEvent(new CustomEvent("caravan-theme"));
  }

  const theme = kept();
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;

  system.addEventListener("change", tell);
  document.addEventListener("click", function (event) {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const now = root.dataset.theme || (system.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    keep(root.dataset.theme);
    tell();
  });
})();
