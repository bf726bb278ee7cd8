// How the modules may import each other, types included.

const product = "^(index|status|config)\\.ts$|^(components|remote|operator)/";

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    {
      name: "no-circles",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "product-alone",
      comment: "index.ts and status.ts need nothing of the tests, the lab, the benchmarks or the toolchain.",
      severity: "error",
      from: { path: product },
      to: { dependencyTypes: ["local"], pathNot: product },
    },
    {
      name: "components-on-remote",
      comment:
        "Imports go one way: index -> components -> remote -> operator. Only the top reads the config.",
      severity: "error",
      from: { path: "^components/" },
      to: { dependencyTypes: ["local"], pathNot: "^(components|remote|operator)/" },
    },
    {
      name: "remote-on-operator",
      comment: "Imports go one way: index -> components -> remote -> operator.",
      severity: "error",
      from: { path: "^remote/" },
      to: { dependencyTypes: ["local"], pathNot: "^(remote|operator)/" },
    },
    {
      name: "operator-at-the-bottom",
      comment: "What the operator's machine does by itself knows nothing of Pis and resources.",
      severity: "error",
      from: { path: "^operator/" },
      to: { dependencyTypes: ["local"], pathNot: "^operator/" },
    },
    {
      name: "config-knows-types",
      comment:
        "config.ts knows what components/ and remote/ take, and does nothing but refuse what is wrong.",
      severity: "error",
      from: { path: "^config\\.ts$" },
      to: {
        path: "^(components|remote|operator)/",
        pathNot: "^operator/refuse\\.ts$",
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "programs-are-run",
      comment: "index.ts and status.ts are programs, and pi/ and the like hold texts: nobody imports them.",
      severity: "error",
      from: {},
      to: { path: "^(index|status)\\.ts$|^(pi|toolchain|site|lab/lib)/" },
    },
    {
      name: "remote-connects",
      comment: "Only remote/ speaks to hosts; its tests name the types of ssh2.",
      severity: "error",
      from: { pathNot: "^(test/unit/)?remote/" },
      to: { path: "^node_modules/(@pulumi/command|ssh2)/" },
    },
  ],
  options: {
    exclude: "^\\.twopir/",
    doNotFollow: "^node_modules/",
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
  },
};
