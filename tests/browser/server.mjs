// The program under test, as its own process with its own data: started, stopped, killed, frozen.
//
// Which program: UMBRACHAT, else the debug build. Which database: a fresh one beside that of DATABASE_URL if that is
// set, else the program's own private PostgreSQL in a temporary folder.

import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const START_MS = 60_000;

function binary() {
  const target = process.env.CARGO_TARGET_DIR ?? "target";
  const path = resolve(process.env.UMBRACHAT ?? join(target, "debug/umbrachat"));
  if (!existsSync(path)) throw new Error(`${path} is missing: run "cargo build" first, or set UMBRACHAT.`);
  return path;
}

/** A port that was free a moment ago. */
export function freePort() {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.once("error", failed);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

function psql(sql, url = process.env.DATABASE_URL) {
  const options = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--dbname", url, "--command", sql];
  return execFileSync("psql", options, { stdio: ["ignore", "pipe", "inherit"], encoding: "utf8" }).trim();
}

/** A database of its own on the server of DATABASE_URL; null without that. */
function makeDatabase() {
  if (!process.env.DATABASE_URL) return null;
  const name = `umbra_browser_${randomBytes(6).toString("hex")}`;
  psql(`CREATE DATABASE ${name} TEMPLATE template0`);
  const url = new URL(process.env.DATABASE_URL);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => psql(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

export class Server {
  /** Starts one on fresh data; `settings` are environment variables on top of those that suit tests. */
  static async start(settings = {}) {
    const folder = mkdtempSync(join(tmpdir(), "umbrachat-browser-"));
    // The private PostgreSQL of a root's server runs as another user, who has to get in.
    chmodSync(folder, 0o755);
    const server = new Server();
    server.folder = folder;
    server.database = makeDatabase();
    server.port = await freePort();
    server.url = `http://127.0.0.1:${server.port}`;
    server.settings = settings;
    await server.run();
    return server;
  }

  /** Runs the program on the data as they are, and waits until it serves. */
  async run() {
    const { DATABASE_URL: _, REDIS_URL: __, PUBLIC_URL: ___, ...inherited } = process.env;
    this.output = "";
    this.process = spawn(binary(), ["serve"], {
      cwd: this.folder,
      env: {
        ...inherited,
        DATA_DIR: join(this.folder, "data"),
        ...(this.database && { DATABASE_URL: this.database.url }),
        LISTEN: `127.0.0.1:${this.port}`,
        RUST_LOG: "warn",
        MESSAGE_RATE: "2000",
        AUTH_RATE: "10000",
        SOCKETS_PER_USER: "200",
        ...this.settings,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const collect = (chunk) => (this.output += chunk);
    this.process.stdout.on("data", collect);
    this.process.stderr.on("data", collect);
    this.expected = false;
    // A run that is broken off leaves nothing behind.
    process.once("exit", () => this.signal("SIGTERM"));
    this.ended = new Promise((done) => {
      this.process.once("exit", (code, signal) => {
        if (!this.expected) console.error(`The server ended by itself (${signal ?? code}):\n${this.output}`);
        done();
      });
    });

    const until = Date.now() + START_MS;
    while (Date.now() < until) {
      if (this.process.exitCode !== null) break;
      const answer = await fetch(`${this.url}/readyz`).catch(() => null);
      if (answer?.ok) return;
      await sleep(100);
    }
    const { output } = this;
    await this.end();
    throw new Error(`The server did not start:\n${output}`);
  }

  /** The address that the start prints on an empty server, on the port that is used. */
  get setupUrl() {
    const found = this.output.match(/\/setup\?code=[^\s"'\u001b]+/);
    if (!found) throw new Error(`No setup address was printed:\n${this.output}`);
    return this.url + found[0];
  }

  /** Runs SQL in its database, and gives what comes of it as text. */
  sql(text) {
    const folder = encodeURIComponent(join(this.folder, "data/pg"));
    return psql(text, this.database?.url ?? `postgres://umbrachat@/postgres?host=${folder}`);
  }

  signal(name) {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill(name);
  }

  /** A clean stop: sockets are closed with 1012. */
  async stop() {
    this.expected = true;
    this.signal("SIGTERM");
    const patience = setTimeout(() => this.signal("SIGKILL"), 15_000);
    await this.ended;
    clearTimeout(patience);
  }

  /** The process is gone from one moment to the next. */
  async kill() {
    this.expected = true;
    this.signal("SIGKILL");
    await this.ended;
  }

  /** Still connected, but nothing is read or answered any more: what a dead network looks like. */
  freeze() {
    this.signal("SIGSTOP");
  }

  thaw() {
    this.signal("SIGCONT");
  }

  async end() {
    this.thaw();
    await this.stop();
    this.database?.drop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
