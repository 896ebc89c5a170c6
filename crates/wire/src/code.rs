//! What the codes of errors are called (JSON-RPC 2.0, section 5.1; MCP 2026-07-28, basic/index).

/// What was sent cannot be read.
pub const PARSE_ERROR: i64 = -32700;
/// It can be read, and is no request.
pub const INVALID_REQUEST: i64 = -32600;
/// Nobody knows the method.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// Something failed that is not the request's fault.
pub const INTERNAL_ERROR: i64 = -32603;
/// A header does not say what the body says (2026-07-28).
pub const HEADER_MISMATCH: i64 = -32020;
/// The client declared too little for what it asks (2026-07-28).
pub const MISSING_CAPABILITY: i64 = -32021;
/// A revision that is not spoken here (2026-07-28).
pub const UNSUPPORTED_VERSION: i64 = -32022;
