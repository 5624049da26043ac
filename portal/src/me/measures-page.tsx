/** What was measured of the own record over time. */
import { useTranslation } from 'react-i18next';
import type { ReactNode } from 'react';
import { Empty, Failed, Loading } from '../shell/notices.js';
import { Measures } from '../timeline/measure-list.js';
import type { Wallet } from '../wallet/wallet.js';
import { useEverything } from './everything.js';
import { PatientPage } from './patient-page.js';

export function MeasuresPage(): ReactNode {
  const { t } = useTranslation();
  return <PatientPage title={t('measures.title')}>{(wallet) => <Own wallet={wallet} />}</PatientPage>;
}

function Own({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const whole = useEverything(wallet);
  if (whole.isPending) return <Loading />;
  if (whole.isError) return <Failed error={whole.error} retry={whole.refetch} />;
  return <Measures resources={whole.data.resources} none={<Empty>{t('measures.empty')}</Empty>} />;
}
