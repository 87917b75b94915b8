import type { ComponentChildren } from 'preact';
import { type MutableRef, useEffect, useRef, useState } from 'preact/hooks';

export interface Column<Row> {
  readonly key: string;
  readonly head: string;
  /** What the head means, where a word is not enough. */
  readonly title?: string;
  /** Numbers stand at the end. */
  readonly end?: boolean;
  readonly nowrap?: boolean;
  readonly class?: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** Makes the column sortable; unknown ones come last in either order. */
  readonly sort?: (row: Row) => number | string | null | undefined;
  /** The largest first, when it is first chosen. */
  readonly descending?: boolean;
}

export interface TableProps<Row> {
  /** Names the table for those who do not see where it stands. */
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  /** Column and order at first; else rows stay in the order in which they come. */
  readonly sortBy?: Order;
  readonly isSelected?: (row: Row) => boolean;
  /** Said instead of rows. */
  readonly empty?: string;
  readonly testId?: string;
}

export interface Order {
  readonly key: string;
  readonly descending: boolean;
}

/** The first column is the head of its row. On narrow screens it scrolls sideways by itself. */
export function Table<Row>(props: TableProps<Row>) {
  const { label, columns, rows, rowKey, sortBy, isSelected, empty, testId } = props;
  const [order, setOrder] = useState<Order | undefined>(sortBy);
  const scroll = useFocusWhenLarge();
  if (rows.length === 0 && empty !== undefined) return <p class="table-empty">{empty}</p>;
  const sorted = sortRows(rows, columns, order);
  const choose = ({ key, descending = false }: Column<Row>) => {
    setOrder(order?.key === key ? { key, descending: !order.descending } : { key, descending });
  };
  return (
    <div ref={scroll} class="table-scroll" data-testid={testId}>
      <table class="table">
        <caption class="visually-hidden">{label}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head
                key={column.key}
                column={column}
                order={order?.key === column.key ? order : undefined}
                choose={() => choose(column)}
              />
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.map((row) => (
            <tr
              key={rowKey(row)}
              class={isSelected?.(row) ? 'is-selected' : undefined}
              data-key={rowKey(row)}
            >
              {columns.map((column, i) => {
                const Cell = i === 0 ? 'th' : 'td';
                return (
                  <Cell
                    key={column.key}
                    class={classes(column)}
                    scope={i === 0 ? 'row' : undefined}
                    data-column={column.key}
                  >
                    {column.cell(row)}
                  </Cell>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What must be scrolled can be reached by keyboard; what need not is no stop on the way. */
function useFocusWhenLarge(): MutableRef<HTMLDivElement | null> {
  const scroll = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = scroll.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => {
      const { scrollWidth, clientWidth, scrollHeight, clientHeight } = element;
      if (scrollWidth > clientWidth || scrollHeight > clientHeight) element.tabIndex = 0;
      else element.removeAttribute('tabindex');
    });
    observer.observe(element);
    if (element.firstElementChild !== null) observer.observe(element.firstElementChild);
    return () => observer.disconnect();
  });
  return scroll;
}

interface HeadProps<Row> {
  readonly column: Column<Row>;
  readonly order: Order | undefined;
  readonly choose: () => void;
}

function Head<Row>({ column, order, choose }: HeadProps<Row>) {
  const { head, title, sort } = column;
  const direction = order === undefined ? 'none' : order.descending ? 'descending' : 'ascending';
  const mark = order === undefined ? '' : order.descending ? '▾' : '▴';
  return (
    <th
      class={classes(column)}
      scope="col"
      title={title}
      aria-sort={sort === undefined ? undefined : direction}
    >
      {sort === undefined ? (
        head
      ) : (
        <button type="button" class="table-sort" onClick={choose}>
          {head}
          <span class="table-sort-mark" aria-hidden="true">
            {mark}
          </span>
        </button>
      )}
    </th>
  );
}

function classes<Row>({ end, nowrap, class: more }: Column<Row>): string | undefined {
  const names = [end && 'is-end', nowrap && 'is-nowrap', more].filter(Boolean);
  return names.length === 0 ? undefined : names.join(' ');
}

function sortRows<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  order: Order | undefined,
): readonly Row[] {
  const sort = columns.find(({ key }) => key === order?.key)?.sort;
  if (order === undefined || sort === undefined) return rows;
  const sign = order.descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const left = sort(a) ?? undefined;
    const right = sort(b) ?? undefined;
    if (left === undefined || right === undefined) {
      return Number(left === undefined) - Number(right === undefined);
    }
    if (typeof left === 'number' && typeof right === 'number') return sign * (left - right);
    return sign * String(left).localeCompare(String(right), 'en', { numeric: true });
  });
}
