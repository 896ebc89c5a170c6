//! Facts that several gateways share.
