//! The test switch that leaves layers out. `lib.rs` takes this file only into
//! builds with debug assertions: what is released has neither the code nor the
//! variable's name, and `cargo xtask test` looks for it there.

use portcullis_mediation::{Layer, Without};

use crate::fault::Fault;
use crate::launch::Plan;

/// Names the layers.
const VARIABLE: &str = "PORTCULLIS_WITHOUT";

/// What the environment says is left out; whoever starts us reads it on stderr.
pub(crate) fn read(plan: &Plan) -> Result<Without, Fault> {
    let Some(words) = plan.environment.get(VARIABLE) else { return Ok(Without::default()) };
    let Some(without) = words.to_str().and_then(Without::parse) else {
        let known: Vec<_> = Layer::ALL.iter().map(|(name, _)| *name).collect();
        let why = format!("{VARIABLE} names what is no layer; these are: {}", known.join(", "));
        return Err(Fault::operator(why));
    };
    if let Some(warning) = warning(without) {
        tell!("portcullis: {}: {warning}", plan.server.name);
    }
    Ok(without)
}

/// What stderr and the record of the start say, when something is left out.
pub(crate) fn warning(without: Without) -> Option<String> {
    let names = without.names();
    let left_out = names.join(", ");
    (!names.is_empty())
        .then(|| format!("{VARIABLE} is set: for a test, this guards without: {left_out}"))
}
