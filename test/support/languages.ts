// The texts of all languages, which the Worker loads one by one.
import { de } from "../../src/ui/languages/de.ts";
import { en, type Messages } from "../../src/ui/languages/en.ts";
import { es } from "../../src/ui/languages/es.ts";
import { fr } from "../../src/ui/languages/fr.ts";
import { it } from "../../src/ui/languages/it.ts";
import { ja } from "../../src/ui/languages/ja.ts";
import { pt } from "../../src/ui/languages/pt.ts";

export const LANGUAGES: ReadonlyMap<string, Messages> = new Map(Object.entries({ en, de, es, fr, it, ja, pt }));
