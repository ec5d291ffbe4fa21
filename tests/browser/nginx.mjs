// A real nginx in front of a server.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./server.mjs";

const PROGRAM = existsSync("/usr/sbin/nginx") ? "/usr/sbin/nginx" : "nginx";
/** What the documentation says, and what is often forgotten. */
const WEBSOCKETS = `proxy_http_version 1.1;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection "upgrade";`;
/** The user agent of browsers whose WebSockets pass in any case. */
export const LUCKY = "lucky";

export class Nginx {
  static async reserve() {
    const nginx = new Nginx();
    nginx.folder = mkdtempSync(join(tmpdir(), "umbrachat-nginx-"));
    nginx.port = await freePort();
    nginx.url = `http://127.0.0.1:${nginx.port}`;
    // A run that is broken off leaves nothing behind.
    process.once("exit", () => nginx.process?.kill());
    return nginx;
  }

  /** Runs it in front of the server on that port, instead of how it ran before. */
  async run(port, { websockets }) {
    await this.stop();
    const pass = `proxy_pass http://127.0.0.1:${port}; proxy_set_header Host $http_host;`;
    const kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    const settings = `daemon off; master_process off; pid nginx.pid; error_log stderr crit;
events {}
http {
  access_log off;
  ${kinds.map((kind) => `${kind}_temp_path ${kind};`).join(" ")}
  server {
    listen 127.0.0.1:${this.port};
    location / {
      if ($http_user_agent = ${LUCKY}) { return 418; }
      error_page 418 = @lucky;
      ${pass}
      ${websockets ? WEBSOCKETS : ""}
    }
    location @lucky { ${pass} ${WEBSOCKETS} }
  }
}
`;
    writeFileSync(join(this.folder, "nginx.conf"), settings);
    const arguments_ = ["-p", this.folder, "-c", "nginx.conf", "-e", "stderr"];
    this.process = spawn(PROGRAM, arguments_, { stdio: ["ignore", "ignore", "inherit"] });
    this.ended = new Promise((done) => this.process.once("exit", done));
    while (!(await fetch(`${this.url}/healthz`).catch(() => null))) await sleep(50);
  }

  async stop() {
    this.process?.kill();
    await this.ended;
  }

  async end() {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
