//! Where a person says yes or no.
