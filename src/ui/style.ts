// The colours of all pages as CSS variables, from one brand colour, light and dark.
import { readableOn, textOn } from "./color.ts";

interface Palette {
  readonly paper: string;
  readonly ground: string;
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  readonly field: string;
  readonly bad: string;
  readonly badGround: string;
  readonly good: string;
}

const LIGHT: Palette = {
  paper: "#ffffff",
  ground: "#f2f4f7",
  text: "#191c20",
  muted: "#59606c",
  line: "#dde1e8",
  field: "#7d8592",
  bad: "#b3261e",
  badGround: "#fdeceb",
  good: "#14713b",
};
const DARK: Palette = {
  paper: "#1b1e24",
  ground: "#101216",
  text: "#eceef2",
  muted: "#a6adba",
  line: "#343944",
  field: "#79818f",
  bad: "#ffb0a8",
  badGround: "#3a1f1f",
  good: "#7fd8a0",
};

function variables(palette: Palette, brand: string): string {
  // A button whose colour is close to the background gets a border. Links and icons need a contrast of 4.5, like text.
  const edge = readableOn(palette.paper, brand, 3);
  const accent = readableOn(palette.paper, brand, 4.5);
  return Object.entries({ ...palette, brand, on: textOn(brand), edge, accent })
    .map(([name, value]) => `--${name}:${value}`)
    .join(";");
}

/** CSS variables in the brand's colour, `#rrggbb`. */
export function styleVariables(color: string): string {
  return `:root{color-scheme:light dark;${variables(LIGHT, color)}}
@media (prefers-color-scheme:dark){:root{${variables(DARK, color)}}}
`;
}
