/** A note, a procedure, a medication, an image: signed here, sent to the hospital's own system, awaited from there. */
import {
  Alert,
  Button,
  Card,
  FileInput,
  Group,
  Image,
  NativeSelect,
  Progress,
  Stack,
  Text,
  Textarea,
  TextInput,
  Title,
} from '@mantine/core';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { FhirResource } from 'fhir/r4.js';
import type { Written } from '../../../adapter/http/contract/index.js';
import { useAct } from '../shell/act.js';
import { Refused } from '../shell/refused.js';
import type { Wallet } from '../wallet/wallet.js';
import { draftOf, KINDS } from './drafts.js';
import type { ChosenImage, Kind } from './drafts.js';
import { sendWrite } from './send-write.js';

const IMAGE_MB_MAX = 4;
const BYTES_A_MB = 1024 * 1024;
const TEXT_CHARS_MAX = 20_000;
/** Looked for so often until it has come back. */
const LOOKS_MAX = 20;
const BETWEEN_MS = 1500;
const PERCENT = 100;

export function WriteForm({
  wallet,
  patient,
  lookAgain,
}: {
  wallet: Wallet;
  patient: string;
  lookAgain: () => Promise<readonly FhirResource[]>;
}): ReactNode {
  const { t } = useTranslation();
  const [kind, setKind] = useState<Kind>('note');
  const [text, setText] = useState('');
  const [image, setImage] = useState<ChosenImage>();
  const [isLarge, setLarge] = useState(false);
  const [share, setShare] = useState<number>();
  const [fate, setFate] = useState<'sent' | 'back' | 'later'>();
  const { isBusy, failure, run } = useAct();
  const choose = async (file: File | null): Promise<void> => {
    setLarge((file?.size ?? 0) > IMAGE_MB_MAX * BYTES_A_MB);
    setImage(
      file === null || file.size > IMAGE_MB_MAX * BYTES_A_MB
        ? undefined
        : { contentType: file.type, data: await base64Of(file) },
    );
  };
  const send = async (): Promise<void> => {
    setFate(undefined);
    setShare(0);
    try {
      const draft = draftOf(kind, text.trim(), new Date().toISOString(), image);
      const written = await sendWrite(wallet, patient, draft, setShare);
      setFate('sent');
      setText('');
      setImage(undefined);
      setFate((await comesBack(written, lookAgain)) ? 'back' : 'later');
    } finally {
      setShare(undefined);
    }
  };
  const label = { note: 'text', procedure: 'procedure', medication: 'medication', image: 'caption' } as const;
  return (
    <Card
      withBorder
      component="form"
      onSubmit={(event: { preventDefault(): void }) => {
        event.preventDefault();
        run(send);
      }}
    >
      <Stack gap="sm" maw={640}>
        <Title order={2} size="h3">
          {t('care.write.title')}
        </Title>
        <Text>{t('care.write.intro')}</Text>
        <NativeSelect
          label={t('care.write.kind')}
          data={KINDS.map((value) => ({ value, label: t(`care.write.kinds.${value}`) }))}
          value={kind}
          onChange={({ currentTarget }) => {
            setKind(KINDS.find((one) => one === currentTarget.value) ?? 'note');
            setFate(undefined);
          }}
        />
        {kind === 'image' && (
          <FileInput
            label={t('care.write.image')}
            placeholder={t('care.write.choose')}
            accept="image/jpeg,image/png"
            error={isLarge ? t('care.write.large', { size: IMAGE_MB_MAX }) : undefined}
            onChange={(file) => run(() => choose(file))}
          />
        )}
        {kind === 'image' && image !== undefined && (
          <Image
            src={`data:${image.contentType};base64,${image.data}`}
            alt={t('care.write.preview')}
            mah={240}
            fit="contain"
          />
        )}
        {kind === 'note' ? (
          <Textarea
            label={t('care.write.text')}
            autosize
            minRows={4}
            maxLength={TEXT_CHARS_MAX}
            value={text}
            onChange={({ currentTarget }) => setText(currentTarget.value)}
          />
        ) : (
          <TextInput
            label={t(`care.write.${label[kind]}`)}
            maxLength={TEXT_CHARS_MAX}
            autoComplete="off"
            value={text}
            onChange={({ currentTarget }) => setText(currentTarget.value)}
          />
        )}
        <Group>
          <Button
            type="submit"
            loading={isBusy}
            disabled={text.trim() === '' || (kind === 'image' && image === undefined)}
          >
            {t('care.write.do')}
          </Button>
        </Group>
        {share !== undefined && (
          <Progress
            value={share * PERCENT}
            aria-label={t('care.write.sending', { percent: Math.round(share * PERCENT) })}
          />
        )}
        {fate !== undefined && (
          <Alert color="teal" role="status">
            {t(`care.write.${fate}`)}
          </Alert>
        )}
        <Refused failure={failure} />
      </Stack>
    </Card>
  );
}

/** Whether what was written is in the record by now. */
async function comesBack(
  { identifier }: Written,
  lookAgain: () => Promise<readonly FhirResource[]>,
): Promise<boolean> {
  for (let look = 0; look < LOOKS_MAX; look++) {
    const resources = await lookAgain();
    if (resources.some((one) => hasIdentifier(one, identifier))) return true;
    await new Promise((settle) => {
      setTimeout(settle, BETWEEN_MS);
    });
  }
  return false;
}

function hasIdentifier(resource: FhirResource, value: string): boolean {
  if (!('identifier' in resource) || !Array.isArray(resource.identifier)) return false;
  return resource.identifier.some((one) => one.value === value);
}

function base64Of(file: File): Promise<string> {
  return new Promise((settle, fail) => {
    const reader = new FileReader();
    reader.addEventListener('load', () => {
      const url = typeof reader.result === 'string' ? reader.result : '';
      settle(url.slice(url.indexOf(',') + 1));
    });
    reader.addEventListener('error', () => fail(reader.error ?? new Error('the file cannot be read')));
    reader.readAsDataURL(file);
  });
}
