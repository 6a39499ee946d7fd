// Entry of the simulator: a fake Alexa and Login with Amazon, with one memory per isolate.
import { createSimulator } from "./app.ts";

export default createSimulator();
