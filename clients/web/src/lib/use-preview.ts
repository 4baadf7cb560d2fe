// What the server says about a request while it is being written.

import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData, skipToken } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { type PreviewRequestResponse, RequestService } from "~/gen/flagstone/v1/request_service_pb";
import type { RequestInit } from "./request-form";

/** People pause longer than this between words. */
const PAUSE = 300;

export interface Preview {
  /** The latest answer, which may be about what the form held before. */
  answer: PreviewRequestResponse | undefined;
  error: unknown;
  /** The answer is on its way, or what is typed has not been asked yet. */
  isChecking: boolean;
  retry: () => void;
}

/** Asks for the verdict on a request a moment after it last changed. The newest question wins; older ones are dropped. */
export function usePreview(parent: string, request: RequestInit): Preview {
  const key = JSON.stringify([parent, request]);
  const [asked, setAsked] = useState({ key, parent, request });
  useEffect(() => {
    if (asked.key === key) return;
    const timer = setTimeout(() => {
      const [parent, request] = JSON.parse(key) as [string, RequestInit];
      setAsked({ key, parent, request });
    }, PAUSE);
    return () => clearTimeout(timer);
  }, [asked.key, key]);
  const { data, error, isFetching, refetch } = useQuery(
    RequestService.method.previewRequest,
    asked.parent ? { parent: asked.parent, request: asked.request } : skipToken,
    // Not kept: inputs may hold secrets.
    { placeholderData: keepPreviousData, gcTime: 0, staleTime: Number.POSITIVE_INFINITY },
  );
  return { answer: data, error, isChecking: isFetching || asked.key !== key, retry: () => void refetch() };
}
