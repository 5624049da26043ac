/** The kit's link and button as links of the router. */
import { Anchor, Button } from '@mantine/core';
import type { AnchorProps, ButtonProps } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import type { ComponentPropsWithRef, ReactNode } from 'react';

type Element<Props> = Props & Omit<ComponentPropsWithRef<'a'>, keyof Props>;

export const PageLink = createLink((props: Element<AnchorProps>): ReactNode => <Anchor {...props} />);

export const ButtonLink = createLink((props: Element<ButtonProps>): ReactNode => (
  <Button component="a" {...props} />
));
