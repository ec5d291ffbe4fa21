// One server for all specs that do not need to break it. Workers inherit the environment that is set here.

import { Server } from "./server.mjs";

export default async function start() {
  const server = await Server.start();
  // The specs take longer than the password of the administrator whom they share counts.
  server.sql("ALTER TABLE user_sessions ALTER confirmed_at SET DEFAULT now() + interval '1 day'");
  process.env.UMBRACHAT_TEST_URL = server.url;
  process.env.UMBRACHAT_TEST_SETUP = server.setupUrl;
  return () => server.end();
}
