//! Generate, tidy, ci, test.
fn main() {}
