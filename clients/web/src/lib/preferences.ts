// What a person prefers, kept with the account: it holds on every device.

import { create, type JsonObject } from "@bufbuild/protobuf";
import { useMutation } from "@connectrpc/connect-query";
import { useEffect } from "react";
import { queryClient } from "~/api/queries";
import { UserSchema, UserService } from "~/gen/flagstone/v1/user_service_pb";
import { useMe } from "./me";
import { setTheme, THEMES, type Theme } from "./theme";

/** The theme among the preferences of a person; `undefined` where none was chosen. */
export function themeOf(preferences: JsonObject | undefined): Theme | undefined {
  return THEMES.find((theme) => theme === preferences?.theme);
}

/** Takes over the theme that the person chose on another device. */
export function useAccountTheme(): void {
  const theme = themeOf(useMe()?.preferences);
  useEffect(() => {
    if (theme) setTheme(theme);
  }, [theme]);
}

/** Chooses a theme: here at once, and for the person's other devices. */
export function useChooseTheme(): { choose: (theme: Theme) => void; error: unknown } {
  const me = useMe();
  const update = useMutation(UserService.method.updateMe, {
    onSuccess: () => void queryClient.invalidateQueries(),
  });
  return {
    choose: (theme) => {
      setTheme(theme);
      if (!me) return;
      update.mutate({
        // Without an etag: the last choice is the one that counts.
        user: create(UserSchema, { preferences: { ...me.preferences, theme } }),
        updateMask: { paths: ["preferences"] },
        requestId: crypto.randomUUID(),
      });
    },
    error: update.error,
  };
}
