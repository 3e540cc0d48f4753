// Before the first paint: the theme and the language that were chosen in this browser.
(function () {
  try {
    var chosen = JSON.parse(localStorage.getItem("registry-ui") || "{}");
    if (chosen.theme === "light" || chosen.theme === "dark") document.documentElement.dataset.theme = chosen.theme;
    if (chosen.density === "compact") document.documentElement.dataset.density = "compact";
    if (chosen.language) document.documentElement.lang = chosen.language;
  } catch (error) { /* Nothing was chosen. */ }
})();
