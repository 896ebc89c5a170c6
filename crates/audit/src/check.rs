//! What judges: one file for each check, each a pure function of evidence.
