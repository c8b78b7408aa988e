// Before anything is painted: the theme and language that were chosen here.
(function () {
  try {
    var theme = localStorage.getItem("domov.theme");
    var language = localStorage.getItem("domov.language");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    if (language) document.documentElement.lang = language;
  } catch (e) {
    /* a browser that keeps nothing */
  }
})();
