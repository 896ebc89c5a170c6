//! The manual's page and the editor's schema, printed from the definition.
