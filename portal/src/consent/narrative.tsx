/** A resource's narrative: mark-up of somebody else's, without anything that could act. */
import DOMPurify from 'dompurify';
import { useLayoutEffect, useRef } from 'react';
import type { ReactNode } from 'react';

/** What FHIR lets a narrative hold, less images and links: neither may reach another host. @see FHIR R4, Narrative */
const TAGS = (
  'p div span b i em strong u small sub sup br hr pre code blockquote ul ol li dl dt dd ' +
  'table caption thead tbody tfoot tr th td h1 h2 h3 h4 h5 h6'
).split(' ');

export function Narrative({ xhtml }: { xhtml: string }): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const clean = DOMPurify.sanitize(xhtml, {
      ALLOWED_TAGS: TAGS,
      ALLOWED_ATTR: ['colspan', 'rowspan', 'lang'],
      RETURN_DOM_FRAGMENT: true,
    });
    // A page has one first heading of its own.
    for (const heading of clean.querySelectorAll('h1,h2,h3,h4,h5,h6')) {
      const words = document.createElement('strong');
      words.append(...heading.childNodes);
      const line = document.createElement('p');
      line.append(words);
      heading.replaceWith(line);
    }
    place.current?.replaceChildren(clean);
  }, [xhtml]);
  return <div ref={place} className="narrative" />;
}
