// Worker entry.
export default {
  fetch(): Response {
    return new Response("alexa-link");
  },
} satisfies ExportedHandler<Env>;
