// The wire between a browser and the server, which a test can cut, mend and make slow.

import { connect, createServer, type Server as Listener, type Socket } from "node:net";
import type { Server } from "./server";

export class Wire {
  readonly #sockets = new Set<Socket>();
  #cut = false;
  #delay = 0;

  private constructor(
    readonly address: string,
    private readonly listener: Listener,
  ) {}

  /** A wire to a server; browsers use its address. */
  static async to(server: Server): Promise<Wire> {
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const own = listener.address();
    if (!own || typeof own === "string") throw new Error("The wire has no port.");
    const wire = new Wire(`http://127.0.0.1:${own.port}`, listener);
    listener.on("connection", (near) => wire.#join(near, server.port));
    return wire;
  }

  #join(near: Socket, port: number): void {
    if (this.#cut) return void near.destroy();
    const far = connect(port, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.on("data", (data) => this.#later(() => to.write(data)));
      from.on("end", () => this.#later(() => to.end()));
      from.on("error", () => to.destroy());
      from.on("close", () => this.#sockets.delete(from));
    }
  }

  /** Passing the same time, everything keeps its order. */
  #later(pass: () => void): void {
    if (this.#delay === 0) pass();
    else setTimeout(pass, this.#delay);
  }

  /** Ends every connection, and takes no new one until it is mended. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#cut = false;
  }

  /** Everything takes so many milliseconds longer, each way. */
  slow(milliseconds: number): void {
    this.#delay = milliseconds;
  }

  remove(): void {
    this.cut();
    this.listener.close();
  }
}
