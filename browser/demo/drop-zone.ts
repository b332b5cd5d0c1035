import { find } from './dom.js';

export interface DropEvents {
  isWanted(): boolean;
  onFile(file: File): void;
  onRefused(why: string): void;
}

/** The whole page takes the file: aiming is not needed, and a near miss would make the browser leave the page. */
export function watchDrops(zone: HTMLElement, events: DropEvents): void {
  const veil = find(document, 'drop-veil', HTMLElement);
  const show = (isOver: boolean): void => {
    veil.hidden = !isOver;
    zone.classList.toggle('drop-over', isOver);
  };

  addEventListener('dragover', (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = events.isWanted() ? 'copy' : 'none';
    if (events.isWanted()) show(true);
  });
  addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) show(false);
  });
  addEventListener('drop', (event) => {
    show(false);
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    if (!events.isWanted()) return;
    const why = whyNot(event.dataTransfer);
    if (why) events.onRefused(why);
    else events.onFile(event.dataTransfer.files[0]!);
  });
}

function whyNot({ items, files }: DataTransfer): string | undefined {
  if (files.length === 0) return 'There was no file in what you dropped.';
  if (files.length > 1) return 'One file at a time, please. Pack several into an archive.';
  if (items[0]?.webkitGetAsEntry()?.isDirectory) return 'That is a folder. Pack it into an archive and drop that.';
  return undefined;
}
