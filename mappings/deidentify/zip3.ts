/**
 * The 17 three-digit ZIP areas of 20,000 people or fewer by the Census of 2000, as the Department of Health and Human
 * Services lists them in its guidance of 26 November 2012 on de-identification.
 *
 * @see 45 CFR 164.514(b)(2)(i)(B)
 */
export const RESTRICTED_ZIP3: ReadonlySet<string> = new Set(
  '036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893'.split(' '),
);

/** The first three digits of a US ZIP code, 000 where few people live there; undefined for other texts. */
export function zip3(text: string): string | undefined {
  if (!/^\d{5}(?:-?\d{4})?$/.test(text)) return undefined;
  const area = text.slice(0, 3);
  return RESTRICTED_ZIP3.has(area) ? '000' : area;
}
