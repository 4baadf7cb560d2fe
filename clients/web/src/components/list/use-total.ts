import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { useQuery } from "@connectrpc/connect-query";
import type { SkipToken } from "@tanstack/react-query";

/** How many there are; `undefined` until it is known. `input` asks for the total, and for one row. */
export function useTotal<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  input: MessageInitShape<I> | SkipToken,
): number | undefined {
  const { data } = useQuery(method, input);
  // Every answer of a list has it in a field of the same name.
  return (data as { totalSize?: number } | undefined)?.totalSize;
}
