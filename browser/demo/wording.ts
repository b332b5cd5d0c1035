/** Figures as people read them. Decimal units, as file managers and network speeds use them. */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function speedText(bytesPerSecond: number): string {
  return bytesPerSecond < 1 ? 'waiting…' : `${sizeText(Math.round(bytesPerSecond))}/s`;
}

export function timeLeftText(seconds: number | undefined): string {
  if (seconds === undefined) return '';
  if (seconds < 1) return 'almost done';
  if (seconds < 60) return `${Math.ceil(seconds)} s left`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min left`;
  if (seconds < 100 * 3600) return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min left`;
  return 'days left';
}

export function shortSum(hex: string): string {
  return `${hex.slice(0, 8)}…${hex.slice(-8)}`;
}

/** What stands on the file's icon. */
export function kindText(fileName: string): string {
  const ending = /\.([A-Za-z0-9]{1,5})$/.exec(fileName)?.[1];
  return ending === undefined ? 'FILE' : ending.toUpperCase();
}

/** "Firefox on Linux": enough for a sender to tell its receivers apart. */
export function browserText(userAgent: string): string {
  const browser = /(Firefox|Edg|OPR|Chrome|Safari)\//.exec(userAgent.replace(/Chrome(?=.*(Edg|OPR)\/)/, ''))?.[1];
  const system = /(Android|iPhone|iPad|Windows|Mac OS X|CrOS|Linux)/.exec(userAgent)?.[1];
  const names: Record<string, string> = { Edg: 'Edge', OPR: 'Opera', 'Mac OS X': 'macOS', CrOS: 'ChromeOS' };
  return [browser, system].flatMap((part) => (part === undefined ? [] : [names[part] ?? part])).join(' on ');
}
