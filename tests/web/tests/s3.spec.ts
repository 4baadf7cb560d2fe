import { expect, test } from "../support/fixtures";
import { noAws } from "../support/machine";
import { Moto } from "../support/moto";
import { codeOf, decisionOf, fillTags, reviewAndSend, stateOf } from "../support/steps";

/** The AWS provider takes seconds to start, a dozen times. */
const PATIENCE = { timeout: 120_000 };

test("a bucket is ordered, approved, looked at and destroyed", async ({ another, as }) => {
  test.skip(noAws() !== false, noAws() || "");
  test.setTimeout(400_000);
  const moto = await Moto.start();
  try {
    const server = await another({ environment: moto.environment });
    await server.letPeopleDecide();
    const dev = await as("dev", "/templates/aws-s3/order", { at: server });
    const approver = await as("approver", "/approvals", { at: server });
    const approve = async (code: string) => {
      await expect(stateOf(dev)).toHaveText("Needs approval", PATIENCE);
      await approver.goto(`/requests/${code}`);
      await decisionOf(approver).getByRole("button", { name: "Approve plan" }).click();
      await expect(stateOf(dev)).toHaveText("Completed", PATIENCE);
    };

    await dev.getByRole("radio", { name: "Development" }).check();
    await dev.getByRole("textbox", { name: "Deployment id" }).fill("pictures");
    await dev.getByRole("textbox", { name: /^Bucket name/ }).fill("flagstone-pictures");
    await fillTags(dev);
    const code = await reviewAndSend(dev, /^Order /);
    await expect(dev.getByText("aws_s3_bucket.this").first()).toBeVisible(PATIENCE);
    await approve(code);
    expect(moto.buckets()).toEqual(["flagstone-pictures"]);
    await expect(dev.getByRole("region", { name: "Outputs" })).toContainText("arn:aws:s3:::flagstone-pictures");

    await dev.goto("/b/sandbox/deployments/pictures");
    await dev.getByRole("button", { name: "Destroy deployment" }).click();
    const dialog = dev.getByRole("dialog");
    await dialog.getByRole("textbox").fill("pictures");
    await dialog.getByRole("button", { name: /^Destroy/ }).click();
    await approve(await codeOf(dev));
    expect(moto.buckets()).toEqual([]);
  } finally {
    moto.end();
  }
});
