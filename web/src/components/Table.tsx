import type { ReactNode } from "react";
import { classes } from "./classes";

export interface Column<Row> {
  title: string;
  cell: (row: Row) => ReactNode;
  right?: boolean; // numbers
  className?: string;
}

/** Rows of the same kind. It scrolls by itself where it is wider than its place. */
export function Table<Row>(props: {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string | number;
}) {
  const side = (column: Column<Row>) => (column.right ? "text-right tabular" : "text-left");
  return (
    <section className="overflow-x-auto rounded-base border border-line" aria-label={props.label} tabIndex={0}>
      <table className="w-full border-collapse text-small">
        <thead>
          <tr className="bg-side text-text-3">
            {props.columns.map((column) => (
              <th
                key={column.title}
                scope="col"
                className={classes("px-3 py-2 font-medium whitespace-nowrap", side(column))}
              >
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row) => (
            <tr key={props.keyOf(row)} className="border-t border-line">
              {props.columns.map((column) => (
                <td key={column.title} className={classes("px-3 py-2 align-top", side(column), column.className)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
