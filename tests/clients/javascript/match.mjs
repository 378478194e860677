// Reads {"patterns": [...], "texts": [...]}; prints for each pattern which texts it matches.
import { readFileSync } from "node:fs";

const { patterns, texts } = JSON.parse(readFileSync(0, "utf8"));
const rows = ["", "u"].map((flags) =>
  patterns.map((pattern) => texts.map((text) => new RegExp(pattern, flags).test(text))),
);
process.stdout.write(JSON.stringify(rows));
