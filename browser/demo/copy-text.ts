/** @returns false where the browser does not let the page copy; the text is selected then. */
export async function copyText(input: HTMLInputElement): Promise<boolean> {
  try {
    // Missing where the page comes neither over https nor from this computer.
    await navigator.clipboard.writeText(input.value);
    return true;
  } catch {
    input.focus();
    input.select();
    return document.execCommand('copy');
  }
}
