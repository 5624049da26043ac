/**
 * What a view reads of a value: a tree of member names, grown while its paths are compiled. Through `also` it may
 * lead back to itself, as `repeat` does.
 */
export class Shape {
  /** Members by name as JSON writes them. */
  readonly members = new Map<string, Shape>();
  /** Shapes that read the same value besides. */
  readonly also = new Set<Shape>();
  /** The value is needed with everything below it, not only that it is there. */
  whole = false;
  /** A number is needed as it is written: 1.0 is less exact than 1.00. */
  asWritten = false;

  /** The shape of a member, made when it is new. */
  member(name: string): Shape {
    let shape = this.members.get(name);
    if (shape === undefined) this.members.set(name, (shape = new Shape()));
    return shape;
  }
}
