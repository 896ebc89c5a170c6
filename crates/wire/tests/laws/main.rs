//! What holds of the wire whatever comes in.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod addressed;
mod framing;
mod leaves;
mod methods;
mod tasks;
mod values;
mod views;
