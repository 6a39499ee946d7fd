// This service behind the storage delay. The import stays in the build: it is the bundle that would be uploaded.
import service from "../../src/index.ts";
import { withDelay } from "./delay.ts";

export default withDelay<Env>((request, env, context) =>
  service.fetch(request as Request<unknown, never>, env, context),
);
