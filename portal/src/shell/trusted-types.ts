interface PolicyFactory {
  createPolicy(name: string, rules: { createHTML: (text: string) => string }): unknown;
}

/**
 * The kit writes style sheets by `innerHTML`. Under Trusted Types that takes a policy; this one lets through what holds
 * no mark-up, and so nothing else.
 */
export function allowStyleText(): void {
  const factory = (globalThis as unknown as { trustedTypes?: PolicyFactory }).trustedTypes;
  factory?.createPolicy('default', {
    createHTML: (text) => {
      if (text.includes('<')) throw new TypeError('mark-up is not written into this page');
      return text;
    },
  });
}
