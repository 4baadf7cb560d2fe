// AWS as far as a test needs it: moto on a port of its own.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createConnection } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { installed } from "./machine";
import { freePort } from "./server";

export class Moto {
  private constructor(
    readonly endpoint: string,
    private readonly child: ChildProcess,
  ) {}

  static async start(): Promise<Moto> {
    const port = await freePort();
    const child = spawn(installed("moto_server") ?? "moto_server", ["-H", "127.0.0.1", "-p", String(port)], {
      stdio: "ignore",
    });
    process.once("exit", () => child.kill());
    const limit = Date.now() + 60_000;
    while (!(await isListening(port))) {
      if (child.exitCode !== null || Date.now() > limit) throw new Error("moto did not start.");
      await pause(100);
    }
    return new Moto(`http://127.0.0.1:${port}`, child);
  }

  /** What an engine needs to find it. */
  get environment(): Record<string, string> {
    return {
      AWS_ENDPOINT_URL: this.endpoint,
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
    };
  }

  /** The names of the buckets there are: asked with a client that is not ours. */
  buckets(): string[] {
    const program = [
      "import boto3, json",
      `s3 = boto3.client('s3', endpoint_url='${this.endpoint}', region_name='us-east-1', aws_access_key_id='test', aws_secret_access_key='test')`,
      "print(json.dumps([bucket['Name'] for bucket in s3.list_buckets()['Buckets']]))",
    ].join("\n");
    return JSON.parse(execFileSync("python3", ["-c", program], { encoding: "utf8" }));
  }

  end(): void {
    this.child.kill();
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1");
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => socket.destroy());
  });
}
