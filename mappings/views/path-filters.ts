import type { JsonValue } from '../json/index.js';
import { firstOf, isEmpty, isList, listOf, single, truth } from './items.js';
import type { Evaluator, Items } from './items.js';

/** Compiles `of.where(criterion)`. */
export function whereOf(of: Evaluator, criterion: Evaluator): Evaluator {
  return (focus, evaluation) => {
    const items = of(focus, evaluation);
    if (items === undefined || items === null) return undefined;
    if (!isList(items)) return truth(criterion(items, evaluation), evaluation) === true ? items : undefined;
    let kept: JsonValue | undefined;
    let list: JsonValue[] | undefined;
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      if (item === undefined || item === null) continue;
      if (truth(criterion(item, evaluation), evaluation) !== true) continue;
      // One hit, which is usual, needs no array.
      if (kept === undefined) kept = item;
      else if (list === undefined) list = [kept, item];
      else list.push(item);
    }
    return list ?? kept;
  };
}

/** Compiles `of.where(criterion).first()`: what follows the first hit is not looked at. */
export function firstWhereOf(of: Evaluator, criterion: Evaluator): Evaluator {
  return (focus, evaluation) => {
    const items = of(focus, evaluation);
    if (items === undefined || items === null) return undefined;
    if (!isList(items)) return truth(criterion(items, evaluation), evaluation) === true ? items : undefined;
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      if (item === undefined || item === null) continue;
      if (truth(criterion(item, evaluation), evaluation) === true) return item;
    }
    return undefined;
  };
}

/** Compiles `of.exists()` or, with `wanted` false, `of.empty()`. */
export function existsOf(of: Evaluator, wanted: boolean): Evaluator {
  return (focus, evaluation) => isEmpty(of(focus, evaluation)) !== wanted;
}

/** Compiles `of.first()`. */
export function firstItemOf(of: Evaluator): Evaluator {
  return (focus, evaluation) => firstOf(of(focus, evaluation));
}

/** Compiles `of[n]`; below 0 and behind the end there is nothing. */
export function itemAt(of: Evaluator, index: Evaluator): Evaluator {
  return (focus, evaluation) => {
    const items = of(focus, evaluation);
    const n = single(index(focus, evaluation), evaluation);
    if (items === undefined || typeof n !== 'number') return undefined;
    if (!isList(items)) return n === 0 ? items : undefined;
    return listOf(items)[n];
  };
}

/** Compiles `of.not()`. */
export function notOf(of: Evaluator): Evaluator {
  return (focus, evaluation) => {
    const value = truth(of(focus, evaluation), evaluation);
    return value === undefined ? undefined : !value;
  };
}

/** Compiles `of.join(separator)`: the empty text where there is no item. */
export function joinOf(of: Evaluator, separator: Evaluator | undefined): Evaluator {
  return (focus, evaluation) => {
    const list = listOf(of(focus, evaluation));
    const between = separator === undefined ? '' : single(separator(focus, evaluation), evaluation);
    return list.map(textOf).join(typeof between === 'string' ? between : '');
  };
}

/** Text of a primitive; an object has none. */
function textOf(item: JsonValue): string {
  return typeof item === 'object' ? '' : String(item);
}

/** Compiles the items that are resources of a type. */
export function resourcesOfType(of: Evaluator, type: string): Evaluator {
  const fits = (item: Items): boolean =>
    typeof item === 'object' && item !== null && !isList(item) && item['resourceType'] === type;
  return (focus, evaluation) => {
    const items = of(focus, evaluation);
    if (!isList(items)) return fits(items) ? items : undefined;
    return items.filter(fits);
  };
}
