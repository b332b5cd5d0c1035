import type { Visibility } from '../protocol.js';

const HIDE_TIMEOUT_MS = 5000;

/** Opens a tab in front. Resolves when the page is told that it is hidden; rejects when it never is. */
export function goBehindAnotherTab(): Promise<Visibility> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('another tab is open, but this one is visible')), HIDE_TIMEOUT_MS);
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState !== 'hidden') return;
      clearTimeout(timer);
      resolve('hidden');
    });
    if (window.open('/cover') === null) reject(new Error('no tab could be opened'));
  });
}

/** Begins to watch; returns every visibility that there was since. */
export function watchVisibility(): () => Visibility[] {
  const seen = new Set<Visibility>([document.visibilityState]);
  const note = () => seen.add(document.visibilityState);
  document.addEventListener('visibilitychange', note);
  return () => {
    document.removeEventListener('visibilitychange', note);
    note();
    return [...seen];
  };
}
