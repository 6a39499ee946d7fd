// Password hashes as other systems store them. Made with Python's hashlib and crypt, and taken from argon2-cffi's pages.
import { hashSync } from "bcryptjs";
import { describe, expect, it } from "vitest";
import { matchesForeignHash, readForeignHash } from "./foreign-hashes.ts";

const PASSWORD = "pässwörd-of-old";
const SALT = "+vv8/f7/AAECAwQFBgcICQ";

const HASHES: Readonly<Record<string, string>> = {
  "bcrypt $2b$": "$2b$04$abcdefghijklmnopqrstuugHCLMmQz7PO79j3QUqrG7zy.BRK/y7e",
  "bcrypt $2y$ (PHP)": "$2y$04$abcdefghijklmnopqrstuugHCLMmQz7PO79j3QUqrG7zy.BRK/y7e",
  "bcrypt $2a$": "$2a$04$abcdefghijklmnopqrstuugHCLMmQz7PO79j3QUqrG7zy.BRK/y7e",
  "bcrypt, a salt with surplus bits": "$2b$04$abcdefghijklmnopqrstuvgHCLMmQz7PO79j3QUqrG7zy.BRK/y7e",
  "bcrypt (Django)": "bcrypt$$2b$04$abcdefghijklmnopqrstuugHCLMmQz7PO79j3QUqrG7zy.BRK/y7e",
  "bcrypt of SHA-256 (Django)": "bcrypt_sha256$$2b$04$eiQiREaJmeK.nW8yajMZJO7ch1B4fopw6wpaVK9C34l9pTon3sZT.",
  "PBKDF2-SHA-256 (Django)": "pbkdf2_sha256$1000$salzig$4Klyq9GNx3AnMXw2aOgiBNs3I2vbbtlNhGE2WCIEfaI=",
  "PBKDF2-SHA-256 (Werkzeug)":
    "pbkdf2:sha256:1000$salzig$e0a972abd18dc77027317c3668e82204db37236bdb6ed94d8461365822047da2",
  "PBKDF2-SHA-1 (passlib)": "$pbkdf2$1000$.vv8/f7/AAECAwQFBgcICQ$OAeVPSZhXpSP6hEIEKH4KfEcrPQ",
  "PBKDF2-SHA-256 (passlib)": "$pbkdf2-sha256$1000$.vv8/f7/AAECAwQFBgcICQ$axREe.pwVzOCZNI5ga/D4p/qKlZR8ctw53XWDLjCqKY",
  "PBKDF2-SHA-512 (passlib)":
    "$pbkdf2-sha512$1000$.vv8/f7/AAECAwQFBgcICQ$93REk9914ugsSpeNLQDkQk9w59uaEIfr/.K5hJdkw.BlkjucmAGFYCPU4cMrb/1.Bt79S6ZJwK6y7pRw0mjMAw",
  "PBKDF2-SHA-512 (PHC)": `$pbkdf2-sha512$i=1000,l=64$${SALT}$93REk9914ugsSpeNLQDkQk9w59uaEIfr/+K5hJdkw+BlkjucmAGFYCPU4cMrb/1+Bt79S6ZJwK6y7pRw0mjMAw`,
  "PBKDF2-SHA-512 (ASP.NET, version 3)":
    "AQAAAAIAAAPoAAAAEPr7/P3+/wABAgMEBQYHCAn3dEST33Xi6CxKl40tAORCT3Dn25oQh+v/4rmEl2TD4A==",
  "PBKDF2-SHA-1 (ASP.NET, version 2)": "APr7/P3+/wABAgMEBQYHCAk4B5U9JmFelI/qEQgQofgp8Rys9HkDsLJLb/RlhL+xfQ==",
  "scrypt (PHC)": `$scrypt$ln=10,r=8,p=1$${SALT}$ohg+CBUDUK3qm3za2JlfFKbRbpxMNyLvUPYG17t8L/8`,
  "scrypt (Django)":
    "scrypt$1024$salzig$8$5$w1LDU/t07uPuZ76ylR7aWhMnN9LekGLqhQnedrTbki4nRUCkd+fN/tp6ki2rW6bQkCpr3ckbrR7YJCq3S7+OPw==",
  "scrypt (Werkzeug)":
    "scrypt:1024:8:1$salzig$5d7a075a622e0b3566ef92b42d4dba9ff915649ace890f73122945fc2f86e274aaf86584c8ed666097b9b9781806298a475b4f098460b6dcdba67ce1146172e8",
  "Argon2id (PHC)": "$argon2id$v=19$m=64,t=2,p=1$c2FsdHNhbHQ$61Us9KQdr9OtcH/p7hBIGTexfRWK2ny4zaBEZ1HAvC0",
  "Argon2id (Django)": "argon2$argon2id$v=19$m=64,t=2,p=1$c2FsdHNhbHQ$61Us9KQdr9OtcH/p7hBIGTexfRWK2ny4zaBEZ1HAvC0",
};

async function matches(hash: string, password: string): Promise<boolean> {
  const read = readForeignHash(hash);
  if ("refused" in read) throw new Error(read.detail);
  return matchesForeignHash(password, read);
}

describe("a hash of another system", () => {
  it.each(Object.entries(HASHES))("%s matches its password and no other", async (_, hash) => {
    expect(await matches(hash, PASSWORD)).toBe(true);
    for (const wrong of ["", `${PASSWORD} `, PASSWORD.toUpperCase(), PASSWORD.normalize("NFD")]) {
      expect(await matches(hash, wrong)).toBe(false);
    }
  });

  it("Argon2id of 64 MiB, the default of argon2-cffi", async () => {
    const hash = "$argon2id$v=19$m=65536,t=3,p=4$MIIRqgvgQbgj220jfp0MPA$YfwJSVjtjSU0zzV/P3S9nnQ/USre2wvJMjfCIjrTQbg";
    expect(await matches(hash, "correct horse battery staple")).toBe(true);
  });

  it("PBKDF2 gives the same beyond WebCrypto's iterations", async () => {
    const salt = new TextEncoder().encode("salzig");
    const raw = new TextEncoder().encode(PASSWORD);
    const key = await crypto.subtle.importKey("raw", raw, "PBKDF2", false, ["deriveBits"]);
    const parameters = { name: "PBKDF2", hash: "SHA-256", salt, iterations: 100_001 };
    const bits = await crypto.subtle.deriveBits(parameters, key, 256);
    const hash = `pbkdf2_sha256$100001$salzig$${Buffer.from(bits).toString("base64")}`;
    expect(await matches(hash, PASSWORD)).toBe(true);
    expect(await matches(hash, `${PASSWORD}x`)).toBe(false);
  });

  it("bcrypt does not look at what follows the 72nd byte", async () => {
    const hash = hashSync("x".repeat(72), 4);
    expect(await matches(hash, `${"x".repeat(72)}y`)).toBe(true);
    expect(await matches(hash, "x".repeat(71))).toBe(false);
  });

  it.each([
    ["bcrypt of cost 15", `$2b$15$${"a".repeat(53)}`, "cost 15"],
    ["PBKDF2 of 1,300,001", HASHES["PBKDF2-SHA-256 (Django)"]!.replace("1000", "1300001"), "1300001 iterations"],
    ["PBKDF2-SHA-512 of 210,000", HASHES["PBKDF2-SHA-512 (PHC)"]!.replace("i=1000", "i=210000"), "210000 iterations"],
    ["scrypt of 128 MiB", HASHES["scrypt (PHC)"]!.replace("ln=10", "ln=17"), "N=131072"],
    ["scrypt of ln=99", HASHES["scrypt (PHC)"]!.replace("ln=10", "ln=99"), "N="],
    ["scrypt of p=65", HASHES["scrypt (PHC)"]!.replace("ln=10,r=8,p=1", "ln=13,r=8,p=65"), "p=65"],
    ["scrypt of 250 MiB by p", `scrypt:2:2000:1000$salzig$${"00".repeat(64)}`, "p=1000"],
    ["PBKDF2 of 15 digests", `pbkdf2:sha256:100000$salzig$${"00".repeat(480)}`, "480 bytes"],
    ["Argon2id of 128 MiB", HASHES["Argon2id (PHC)"]!.replace("m=64", "m=131072"), "m=131072"],
    ["Argon2id of 64 MiB, five passes", HASHES["Argon2id (PHC)"]!.replace("m=64,t=2", "m=65536,t=5"), "t=5"],
    ["Argon2id of 65 lanes", HASHES["Argon2id (PHC)"]!.replace("m=64,t=2,p=1", "m=8192,t=2,p=65"), "p=65"],
  ])("%s is refused with its parameter, because a Worker could not verify it", (_, hash, named) => {
    const read = readForeignHash(hash);
    expect(read).toMatchObject({ refused: "hash_too_costly", detail: expect.stringContaining(named) });
  });

  it.each([
    ["nothing", ""],
    ["a password", "correct-horse-1"],
    ["MD5", "5f4dcc3b5aa765d61d8327deb882cf99"],
    ["SHA-512 crypt", "$6$rounds=5000$usesomesillystri$D4IrlXatmP7rx3P3InaxBeoomnAihCKRVQAr/36eYl"],
    ["Django's unusable password", "!kT9nSRxdtsTfNDUTKe5xLyS6ObYvCZ3CeYQCyqTg"],
    ["the broken bcrypt $2x$", `$2x$04$${"a".repeat(53)}`],
    ["bcrypt of cost 3", `$2b$03$${"a".repeat(53)}`],
    ["a bcrypt hash that is cut off", `$2b$04$${"a".repeat(52)}`],
    ["a hash with a line end", `${HASHES["bcrypt $2b$"]}\n`],
    ["Argon2d", HASHES["Argon2id (PHC)"]!.replace("argon2id", "argon2d")],
    ["Argon2 without passes", HASHES["Argon2id (PHC)"]!.replace("t=2", "t=0")],
    ["Argon2 without lanes", HASHES["Argon2id (PHC)"]!.replace("p=1", "p=0")],
    ["Argon2 with too little memory", HASHES["Argon2id (PHC)"]!.replace("m=64", "m=7")],
    ["PBKDF2 of no iterations", HASHES["PBKDF2-SHA-256 (Django)"]!.replace("1000", "0")],
    ["PBKDF2 with a short hash", "pbkdf2_sha256$1000$salzig$4Klyq9GN"],
    ["PBKDF2 of MD5", HASHES["PBKDF2-SHA-256 (Django)"]!.replace("sha256", "md5")],
    ["scrypt of N=3", HASHES["scrypt (Werkzeug)"]!.replace("1024", "3")],
    ["scrypt of an N that r does not allow", HASHES["scrypt (PHC)"]!.replace("ln=10,r=8", "ln=16,r=1")],
    ["scrypt of r=0", HASHES["scrypt (Werkzeug)"]!.replace(":8:", ":0:")],
    ["ASP.NET with an unknown digest", `AQAAAAk${HASHES["PBKDF2-SHA-512 (ASP.NET, version 3)"]!.slice(7)}`],
    ["ASP.NET with a salt longer than the text", `${"AQAAAAIAAAPo/////w".padEnd(80, "A")}`],
    ["ASP.NET of another version", `Ag${HASHES["PBKDF2-SHA-512 (ASP.NET, version 3)"]!.slice(2)}`],
    ["a long text", "$2b$04$".padEnd(100_000, "a")],
  ])("%s is unsupported", (_, hash) => {
    expect(readForeignHash(hash)).toMatchObject({ refused: "hash_unsupported" });
  });
});
