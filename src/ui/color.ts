// Readable colours for any brand colour (WCAG 2.2, contrast).

type Rgb = readonly [number, number, number];

function parse(color: string): Rgb {
  const value = Number.parseInt(color.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

function format(rgb: Rgb): string {
  return `#${rgb.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")}`;
}

function luminance(color: string): number {
  const [r, g, b] = parse(color).map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as unknown as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Contrast ratio of two colours `#rrggbb`, 1 to 21. */
export function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** White or black, with a contrast of at least 4.5 against `color`; white where both would do. */
export function textOn(color: string): string {
  return contrast(color, "#ffffff") >= 4.5 ? "#ffffff" : "#000000";
}

/** `color` itself, or the nearest shade of it towards black or white that has `ratio` against `ground`. */
export function readableOn(ground: string, color: string, ratio: number): string {
  const target = luminance(ground) > 0.18 ? 0 : 255;
  const from = parse(color);
  for (let step = 0; step <= 20; step++) {
    const shade = format(from.map((part) => part + ((target - part) * step) / 20) as unknown as Rgb);
    if (contrast(shade, ground) >= ratio) return shade;
  }
  return target === 0 ? "#000000" : "#ffffff";
}
