// Tables whose rows are renewed in place, so that focus, selection and a screen reader's place stay where they are.

import { textElement } from "./words.js";

/**
 * Fill a table's body: each row is `{ key, cells }`, and each cell a text or `{ text, kind, node }`. The first is the
 * row's header; `kind` becomes the cell's class, `node(cell)` fills it once when the row is made.
 */
export function drawTable(body, rows) {
  const known = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  const drawn = rows.map(({ key, cells }) => {
    const row = known.get(key) ?? made(body, key, cells);
    cells.forEach((cell, at) => fill(row.cells[at], cell));
    return row;
  });
  const staying = new Set(drawn);
  for (const row of [...body.rows]) if (!staying.has(row)) row.remove();
  drawn.forEach((row, at) => { if (body.rows[at] !== row) body.insertBefore(row, body.rows[at] ?? null); });
}

function made(body, key, cells) {
  const headers = body.parentElement.tHead.rows[0].cells;
  const row = document.createElement("tr");
  row.dataset.key = key;
  cells.forEach((cell, at) => {
    const element = textElement(at === 0 ? "th" : "td", "");
    element.dataset.label = headers[at].textContent;  // shown beside it where the screen is narrow
    if (at === 0) element.scope = "row";
    cell?.node?.(element);
    row.append(element);
  });
  return row;
}

function fill(element, cell) {
  const { text = "", kind = "", node } = typeof cell === "object" ? cell : { text: cell };
  if (element.className !== kind) element.className = kind;
  if (!node && element.textContent !== text) element.textContent = text;
}
