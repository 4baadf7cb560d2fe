// gRPC-web by hand, for what a typed client cannot do: cookies, foreign origins, answers changed on their way.

import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";

/** What the web client sends with every call. */
export const WEB_HEADERS = {
  "content-type": "application/grpc-web+proto",
  "x-flagstone-client": "web/tests",
  "x-grpc-web": "1",
};

/** One message as the body of a call. */
export function frame<Schema extends DescMessage>(schema: Schema, init: MessageInitShape<Schema>): Buffer {
  const message = toBinary(schema, create(schema, init));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** The first message of an answer, and what follows it. */
export function unframe<Schema extends DescMessage>(
  schema: Schema,
  body: Buffer,
): { message: MessageShape<Schema>; rest: Buffer } {
  const end = 5 + body.readUInt32BE(1);
  return { message: fromBinary(schema, body.subarray(5, end)), rest: body.subarray(end) };
}
