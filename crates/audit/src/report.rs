//! What a person or a program reads of it all.
