import { createTheme, Drawer, Modal } from '@mantine/core';
import type { CSSVariablesResolver } from '@mantine/core';

/** Sizes are a step above the kit's own: people of seventy read these pages. White on the ninth shade has 5:1. */
export const theme = createTheme({
  primaryColor: 'teal',
  primaryShade: 9,
  defaultRadius: 'md',
  fontSizes: { xs: '0.85rem', sm: '0.95rem', md: '1.05rem', lg: '1.2rem', xl: '1.4rem' },
  respectReducedMotion: true,
  // The lock on scrolling writes a style element without the page's nonce.
  components: {
    Drawer: Drawer.extend({ defaultProps: { lockScroll: false } }),
    Modal: Modal.extend({ defaultProps: { lockScroll: false } }),
  },
});

/** The kit lightens a button that is pointed at, below 4.5:1. */
const HOVERED = {
  '--mantine-primary-color-filled-hover': '#065f46',
  '--mantine-color-teal-filled-hover': '#065f46',
};

/** The kit's own greys and links are fainter than 4.5:1. */
export const variables: CSSVariablesResolver = ({ colors }) => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': colors.gray[7],
    '--mantine-color-placeholder': colors.gray[7],
    '--mantine-color-anchor': colors.teal[9],
    ...HOVERED,
  },
  dark: {
    '--mantine-color-dimmed': colors.gray[4],
    '--mantine-color-placeholder': colors.gray[4],
    '--mantine-color-anchor': colors.teal[3],
    ...HOVERED,
  },
});
