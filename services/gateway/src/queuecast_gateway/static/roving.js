// The keyboard in a long list: the list is one tab stop, arrows, Home and End move within it, and a row that leaves
// hands its focus to a neighbour.

/**
 * Make a list one tab stop. `rows` selects its rows, `stopsOf` lists what can be focused in a row, the first of which
 * arrows go to. `heading` takes the focus when no row is left; `onKey(row, event)` says whether it took a key.
 */
export function oneTabStop({ list, rows, stopsOf, heading, onKey = () => false }) {
  let chosen = null;            // the row that had the focus last
  const alive = () => [...list.querySelectorAll(rows)];

  function settle() {
    const stop = chosen?.isConnected ? chosen : list.querySelector(rows);
    for (const element of list.querySelectorAll('[tabindex="0"]')) element.tabIndex = -1;
    for (const element of stop ? stopsOf(stop) : []) element.tabIndex = 0;
  }

  function handOn(row) {
    const all = alive();
    const at = all.indexOf(row);
    const heir = all[at + 1] ?? all[at - 1];
    const focused = row.contains(document.activeElement);
    if (row === chosen) chosen = heir ?? null;
    if (focused) (heir ? stopsOf(heir)[0] : heading).focus();
  }

  list.addEventListener("keydown", (event) => {
    const row = event.target.closest("li");
    if (!row || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const all = alive();
    const at = all.indexOf(row);
    const target = { ArrowDown: all[at + 1], ArrowUp: all[at - 1], Home: all[0], End: all.at(-1) };
    if (event.key in target) target[event.key] && stopsOf(target[event.key])[0].focus();
    else if (!onKey(row, event)) return;
    event.preventDefault();
  });

  list.addEventListener("focusin", (event) => {
    chosen = event.target.closest("li");
    settle();
  });

  return { settle, handOn };
}
