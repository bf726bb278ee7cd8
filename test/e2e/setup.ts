import { join } from "node:path";
import { afterEach } from "vitest";
import { lab, root } from "../../lab/drive/lab";

// What the Pis logged, for whoever looks for the fault when the lab is gone.
afterEach(async ({ task }) => {
  if (task.result?.state !== "fail") return;
  const file = task.file.name.replace(/^test\/|\.test\.ts$/g, "").replaceAll("/", "-");
  const name = task.name.replaceAll(/[^A-Za-z0-9]+/g, "-").slice(0, 60);
  const folder = join(".twopir", "test", file, name);
  await lab("journals", join(root, folder));
  task.result.errors?.forEach((error) => (error.message += `\n(the Pis' journals: ${folder})`));
});
