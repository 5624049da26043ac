import type { ReactNode } from 'react';
export function CarePage(): ReactNode {
  return null;
}
