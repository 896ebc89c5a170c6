//! Arguments have a bounded size and depth, whatever the schema says
//! (MCP-LIM-05; 97 % of real string parameters have no bound of their own).

use portcullis_catalog::control::ARGUMENTS_BOUNDED;
use portcullis_guard::schema::Bounds;
use portcullis_policy::Decision;
use serde_json::Value;

/// Judges the arguments of one call.
pub(crate) fn judge(arguments: &Value) -> Decision {
    match Bounds::default().check(arguments) {
        Ok(()) => Decision::default(),
        Err(excess) => Decision::deny(ARGUMENTS_BOUNDED, excess.to_string()),
    }
}
