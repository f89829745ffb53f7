// The tabs of the page: one panel is shown, arrows move between the tabs.
// https://www.w3.org/WAI/ARIA/apg/patterns/tabs/

import { byId } from "./words.js";

const list = byId("tabs");
const tabs = [...list.querySelectorAll('[role="tab"]')];
const panelOf = (tab) => byId(tab.getAttribute("aria-controls"));
const shown = () => tabs.filter((tab) => !tab.hidden);

/** Whether the panel with this id can be seen now. */
export const isOpen = (id) => !document.hidden && !byId(id).hidden;

function open(tab) {
  for (const other of tabs) {
    other.setAttribute("aria-selected", String(other === tab));
    other.tabIndex = other === tab ? 0 : -1;
    panelOf(other).hidden = other !== tab;
  }
  tab.scrollIntoView({ block: "nearest", inline: "nearest" });
  document.dispatchEvent(new CustomEvent("panelopen", { detail: panelOf(tab).id }));
}

/** Show the tabs of the operator's part, or hide them. */
export function allowOperator(allowed) {
  for (const tab of tabs.filter((each) => each.dataset.right === "view")) tab.hidden = !allowed;
  const selected = tabs.find((tab) => tab.getAttribute("aria-selected") === "true");
  if (selected.hidden) open(tabs[0]);
}

/** Make the tabs work. */
export function followTabs() {
  list.addEventListener("click", (event) => {
    const tab = event.target.closest('[role="tab"]');
    if (tab) open(tab);
  });
  list.addEventListener("keydown", (event) => {
    const all = shown();
    const at = all.indexOf(event.target);
    const target = {
      ArrowRight: all[(at + 1) % all.length],
      ArrowLeft: all.at(at - 1),
      Home: all[0],
      End: all.at(-1),
    }[event.key];
    if (at < 0 || !target) return;
    event.preventDefault();
    open(target);
    target.focus();
  });
}
