/** Lets the reader save a file that was made here. */
export function saveFile(name: string, content: BlobPart, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser takes the address before the next task.
  setTimeout(() => URL.revokeObjectURL(url), 0);
}
