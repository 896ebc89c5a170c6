//! The shape and the seal of an audit record.
