import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, SUBNET } from "../../lab/drive/lab";

/** Lines of output as one cell. */
export const cell = (lines: readonly string[]): string => lines.map((line) => `\`${line}\``).join("<br>");

/**
 * Writes a document in docs/ that is one table.
 *
 * @param intro Lines before the table.
 * @param columns Their titles.
 * @param rows Cells.
 * @example writeTable("drift", "What preview says of each drift", ["Written by ..."], ["broken by hand", "said"], rows)
 */
export function writeTable(
  name: string,
  title: string,
  intro: readonly string[],
  columns: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const lines = [
    `# ${title}`,
    "",
    ...intro,
    "",
    line(columns),
    line(columns.map(() => "---")),
    ...rows.map(line),
  ];
  const text = `${lines.join("\n")}\n`.replaceAll(SUBNET, "192.168.0"); // whichever lab it ran in
  writeFileSync(join(root, "docs", `${name}.md`), text);
}
