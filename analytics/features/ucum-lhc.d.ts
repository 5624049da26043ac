/** The part of the UCUM library that is used here; the package brings no types. */
declare module '@lhncbc/ucum-lhc' {
  interface ConvertAnswer {
    readonly status: 'succeeded' | 'failed' | 'error';
    readonly toVal: number | null;
    readonly msg?: readonly string[] | null;
  }
  interface UcumUtils {
    convertUnitTo(
      fromUnit: string,
      value: number,
      toUnit: string,
      options?: { readonly molecularWeight?: number },
    ): ConvertAnswer;
  }
  const ucum: { readonly UcumLhcUtils: { getInstance(): UcumUtils } };
  // oxlint-disable-next-line import/no-default-export -- the package is CommonJS and has no named exports to Node
  export default ucum;
}
