/** Elements are found by their test id: one stable name for the page's code, its style and its tests. */
export function find<T extends Element>(root: ParentNode, testId: string, kind: abstract new () => T): T {
  const element = root.querySelector(`[data-testid="${testId}"]`);
  if (!(element instanceof kind)) throw new Error(`the page has no ${kind.name} with the test id "${testId}"`);
  return element;
}

/** Puts `root` into a state and shows what belongs to it. What lies inside a nested [data-state] is left alone. */
export function showState(root: HTMLElement, state: string): void {
  root.dataset.state = state;
  for (const element of root.querySelectorAll<HTMLElement>('[data-in]')) {
    if (element.parentElement?.closest('[data-state]') !== root) continue;
    element.hidden = !element.dataset.in?.split(' ').includes(state);
  }
}

/** Tells milestones to people who listen to the page. Progress itself would be chatter: `<progress>` is there for it. */
export function announce(text: string): void {
  find(document, 'announcer', HTMLElement).textContent = text;
}
