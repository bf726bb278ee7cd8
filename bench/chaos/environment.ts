// The chaos suite's own lab, beside those of `npm start` and of the tests. Imported before the tests' lab.ts, which
// reads these.
process.env.TWOPIR_TEST_LAB ??= "e2echaos";
process.env.TWOPIR_TEST_SUBNET ??= "192.168.71";
