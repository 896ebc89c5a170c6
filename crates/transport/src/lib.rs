//! Bytes and principals, in and out.
