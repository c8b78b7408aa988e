/** What lies above the page. */

/** Whether a dialog, a drawer, the palette or a menu is open: it has the keys, also from outside. One that closes has not. */
export function layerOpen(): boolean {
  return document.querySelector("[role=dialog][data-open],[role=menu][data-open]") !== null;
}
