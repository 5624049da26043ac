/** The way from an entry up to the signed root, with the hashes beside it. */
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Head } from '../../../ledger/proofs/index.js';
import type { ProvedEntry } from './entries.js';
import { hexOf } from './hex.js';

const [ROW, WIDTH, MIDDLE, SIDE, BOX] = [46, 440, 220, 150, 132];

/** On which side the sibling of each step stands, from the leaf up. @see RFC 9162 section 2.1.3.2 */
function sidesOf(leaf: number, size: number, steps: number): ('left' | 'right')[] {
  const sides: ('left' | 'right')[] = [];
  let [at, last] = [leaf, size - 1];
  for (let i = 0; i < steps; i++) {
    if (at % 2 === 1 || at === last) {
      sides.push('left');
      while (at % 2 === 0 && at !== 0) {
        at /= 2;
        last = Math.floor(last / 2);
      }
    } else sides.push('right');
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return sides;
}

const brief = (hash: Uint8Array): string => `${hexOf(hash).slice(0, 8)}…`;

export function InclusionTree({ proved, head }: { proved: ProvedEntry; head: Head }): ReactNode {
  const { t } = useTranslation();
  const { path, entry, isProved } = proved;
  const sides = sidesOf(entry.leaf, head.size, path.length);
  const height = (path.length + 1) * ROW + 8;
  const y = (step: number): number => height - 26 - step * ROW;
  return (
    <div className="scroll" tabIndex={0} role="group" aria-label={t('entry.tree')}>
      <svg
        viewBox={`0 0 ${WIDTH} ${height}`}
        width="100%"
        style={{ maxWidth: WIDTH * 1.4 }}
        role="img"
        aria-label={t('entry.treeLabel', { count: path.length })}
      >
        {path.map((hash, step) => {
          const x = sides[step] === 'left' ? MIDDLE - SIDE : MIDDLE + SIDE;
          return (
            <g key={step}>
              <line
                x1={MIDDLE}
                x2={MIDDLE}
                y1={y(step)}
                y2={y(step + 1)}
                stroke="var(--fb-path)"
                strokeWidth="3"
              />
              <line x1={x} x2={MIDDLE} y1={y(step)} y2={y(step + 1)} stroke="var(--fb-sibling)" />
              <Box x={x} y={y(step)} text={brief(hash)} stroke="var(--fb-sibling)" />
            </g>
          );
        })}
        {path.slice(1).map((_, step) => (
          <circle key={step} cx={MIDDLE} cy={y(step + 1)} r="6" fill="var(--fb-path)" />
        ))}
        <Box x={MIDDLE} y={y(0)} text={t('entry.leafBox', { leaf: entry.leaf })} stroke="var(--fb-path)" />
        <Box
          x={MIDDLE}
          y={y(path.length)}
          text={t(isProved ? 'entry.rootBox' : 'entry.rootBoxBad', { root: brief(head.root) })}
          stroke="var(--fb-path)"
        />
      </svg>
    </div>
  );
}

function Box({ x, y, text, stroke }: { x: number; y: number; text: string; stroke: string }): ReactNode {
  return (
    <>
      <rect
        x={x - BOX / 2}
        y={y - 14}
        width={BOX}
        height="28"
        rx="6"
        fill="var(--mantine-color-body)"
        stroke={stroke}
        strokeWidth="2"
      />
      <text x={x} y={y + 5} textAnchor="middle" fontSize="14" fill="currentColor">
        {text}
      </text>
    </>
  );
}
