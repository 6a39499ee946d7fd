// Entry of the simulator: a fake Alexa and Login with Amazon.
export default {
  fetch(): Response {
    return new Response("simulator");
  },
};
