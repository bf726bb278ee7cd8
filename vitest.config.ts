import { defineConfig, type TestProjectConfiguration } from "vitest/config";

/** Seconds in all but the worst case; virtual Pis may be busy beside them. */
const testTimeout = 120_000;
/** A failure shows whole lists: "[ Array(1) ]" helps nobody. */
const chaiConfig = { truncateThreshold: 0 };

const unit: TestProjectConfiguration = {
  test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout, chaiConfig },
};
const scripts: TestProjectConfiguration = {
  test: {
    name: "scripts",
    include: ["test/scripts/**/*.test.ts"],
    testTimeout,
    hookTimeout: testTimeout,
    chaiConfig,
  },
};

/** Each file in a lab of its own, which test/run.ts gives it; a first `pulumi up` on bare Pis takes minutes. */
const e2e: TestProjectConfiguration = {
  test: {
    name: "e2e",
    include: ["test/e2e/**/*.test.ts"],
    testTimeout: 30 * 60_000,
    hookTimeout: 30 * 60_000,
    chaiConfig,
    setupFiles: ["test/e2e/setup.ts"],
    poolOptions: { forks: { singleFork: true } },
  },
};

// e2e needs root, the lab and an hour: only `npx vitest run --project e2e` runs it.
const asked = process.argv.some(
  (word, i, all) => word === "--project=e2e" || (word === "e2e" && all[i - 1] === "--project"),
);

// Beside these, virtual Pis want the processors, too.
export default defineConfig({
  test: {
    maxWorkers: 2,
    minWorkers: 1,
    projects: asked ? [unit, scripts, e2e] : [unit, scripts],
  },
});
