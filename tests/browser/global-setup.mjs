// One server for all specs that do not need to break it. Workers inherit the environment that is set here.

import { Server } from "./server.mjs";

export default async function start() {
  const server = await Server.start();
  process.env.UMBRACHAT_TEST_URL = server.url;
  process.env.UMBRACHAT_TEST_SETUP = server.setupUrl;
  return () => server.end();
}
