// The floor: a Worker that makes the same storage calls and nothing else. A consent is stored before its code is
// exchanged, as with the others.
import type { Contestant, Exercise } from "../exercise.ts";
import { expectStatus } from "../exercise.ts";
import { type Connection, form } from "../http.ts";
import type { Workload } from "../workloads.ts";

const FIELDS = { grant_type: "x".repeat(18), code: "y".repeat(45), redirect_uri: "z".repeat(80) };

export function floor(connection: Connection): Contestant {
  let number = 0;
  const post = (workload: string, id: number) => connection.send(`/${workload}/${id}`, form(FIELDS));
  const exercise = (workload: Workload, id: number): Exercise => ({
    send: () => post(workload, id),
    check: (response) => void expectStatus(response, 200),
  });
  const plain = (workload: Workload) => async () => exercise(workload, ++number);
  return {
    async setUp() {
      expectStatus(await connection.send("/bench"), 204);
    },
    workloads: {
      authorize: plain("authorize"),
      consent: plain("consent"),
      async exchange() {
        const id = ++number;
        expectStatus(await post("consent", id), 200);
        return exercise("exchange", id);
      },
      refresh: plain("refresh"),
      "rotating-refresh": plain("rotating-refresh"),
      introspection: plain("introspection"),
    },
  };
}
