// oxlint-disable import/no-unassigned-import -- style sheets have no names
import '@mantine/core/styles.css';
import './page.css';
// oxlint-enable import/no-unassigned-import
import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { router } from './routes.js';
import { queries } from './shell/queries.js';
import { styleNonce } from './shell/style-nonce.js';
import { theme, variables } from './shell/theme.js';
import { allowStyleText } from './shell/trusted-types.js';
import { prepareText } from './text/prepare.js';

allowStyleText();
prepareText();

const root = document.getElementById('root');
if (root === null) throw new Error('the page has no place for the application');
createRoot(root).render(
  <StrictMode>
    <MantineProvider
      theme={theme}
      cssVariablesResolver={variables}
      defaultColorScheme="auto"
      getStyleNonce={styleNonce}
    >
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
