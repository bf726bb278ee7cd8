import { bringsBack } from "./losses";

bringsBack(["three", "arbiter"], "repairs-three");
