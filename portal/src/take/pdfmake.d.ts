/** As much of pdfmake as the record's file takes; the package states no types. */
declare module 'pdfmake/build/pdfmake.min.js' {
  /** What is written: text, tables, pictures, one in the other. */
  export type Content =
    | string
    | readonly Content[]
    | {
        readonly text?: Content;
        readonly stack?: readonly Content[];
        readonly image?: string;
        readonly fit?: readonly [width: number, height: number];
        readonly table?: {
          readonly headerRows: number;
          readonly keepWithHeaderRows: number;
          readonly dontBreakRows: boolean;
          readonly widths: readonly (string | number)[];
          readonly body: readonly (readonly Content[])[];
        };
        readonly layout?: string;
        readonly style?: string;
        readonly colSpan?: number;
        readonly margin?: readonly [left: number, top: number, right: number, bottom: number];
        readonly unbreakable?: boolean;
        readonly headlineLevel?: number;
        readonly alignment?: 'left' | 'center' | 'right';
      };

  export interface Definition {
    readonly info: { readonly title: string; readonly creator: string; readonly creationDate: Date };
    readonly language: string;
    readonly displayTitle: boolean;
    readonly pageSize: string;
    readonly pageMargins: readonly [left: number, top: number, right: number, bottom: number];
    readonly defaultStyle: object;
    readonly styles: Readonly<Record<string, object>>;
    readonly footer: (page: number, pages: number) => Content;
    readonly pageBreakBefore: (
      node: { readonly headlineLevel?: number },
      following: readonly unknown[],
    ) => boolean;
    readonly content: readonly Content[];
  }

  interface Written {
    on(event: 'data', listener: (piece: Uint8Array<ArrayBuffer>) => void): void;
    on(event: 'end', listener: () => void): void;
    on(event: 'error', listener: (error: Error) => void): void;
    end(): void;
  }

  const pdfMake: {
    createPdf(
      definition: Definition,
      layouts: undefined,
      fonts: Readonly<Record<string, { readonly normal: string; readonly bold: string }>>,
      files: Readonly<Record<string, Uint8Array>>,
    ): { getStream(): Written };
  };
  // oxlint-disable-next-line import/no-default-export -- the package's own form
  export default pdfMake;
}

/** Addresses of the fonts that come with pdfmake; made by the build. */
declare module 'virtual:document-fonts' {
  export const regular: string;
  export const medium: string;
}
