//! The pages: what a person reads and answers, as HTML.
//!
//! `html` writes it, `edit` is for a question that is changed before it goes on, `frame` is what all pages share, `questions` and `question` are what the
//! console is for, `look` and `journal` what else a person looks at, `away` what stands before and after a journey to somebody else's page.

mod away;
mod edit;
mod frame;
mod html;
mod journal;
mod look;
mod question;
mod questions;

pub(crate) use away::{consent, told, way};
pub(crate) use edit::{edit, edited};
pub(crate) use frame::message;
pub(crate) use journal::journal;
pub(crate) use look::{checklist, grants, servers, sessions, trust};
pub(crate) use question::{Form, question};
pub(crate) use questions::questions;
