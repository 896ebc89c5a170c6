//! What has to be seen to, line by line: passed, failed, not testable, not applicable.
