import { bringsBack } from "./losses";

bringsBack(["converged"], "repairs");
