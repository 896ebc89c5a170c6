//! What the operator wrote, understood.
