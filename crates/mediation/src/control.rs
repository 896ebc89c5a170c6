//! The controls that run on every message, one file each.
//!
//! A control is a pure function from a message (or a part of it) and what the
//! session knows to a [`Decision`](portcullis_policy::Decision), or to the
//! message as it may leave. None of them answers a peer: `client.rs`,
//! `server.rs` and `call.rs` fold their opinions and settle.

pub(crate) mod annotations_rewritten;
pub(crate) mod answers_match_questions;
pub(crate) mod approve_by_risk;
pub(crate) mod apps_contained;
pub(crate) mod arguments_bounded;
pub(crate) mod arguments_match_schema;
pub(crate) mod cache_private;
pub(crate) mod callers_authenticated;
pub(crate) mod calls_per_minute;
pub(crate) mod calls_sent_once;
pub(crate) mod capability_declared;
pub(crate) mod capability_frozen;
pub(crate) mod codes_translated;
pub(crate) mod completions_bounded;
pub(crate) mod definition_pinned;
pub(crate) mod definitions_inspected;
pub(crate) mod elicitation_answers_clean;
pub(crate) mod elicitation_judged;
pub(crate) mod elicitation_links_listed;
pub(crate) mod errors_sanitised;
pub(crate) mod extensions_agreed;
pub(crate) mod flows_apart;
pub(crate) mod grants_narrow;
pub(crate) mod headers_annotated;
pub(crate) mod icons_inert;
pub(crate) mod input_requests_capped;
pub(crate) mod input_requests_refused;
pub(crate) mod late_results_judged;
pub(crate) mod links_judged;
pub(crate) mod lists_stable;
pub(crate) mod logs_redacted;
pub(crate) mod message_bounded;
pub(crate) mod names_distinct;
pub(crate) mod network_by_name;
pub(crate) mod open_world_marked;
pub(crate) mod pipes_unshared;
pub(crate) mod policy_obeyed;
pub(crate) mod prompt_arguments_declared;
pub(crate) mod prompts_listed;
pub(crate) mod rates_kept;
pub(crate) mod requests_independent;
pub(crate) mod results_inspected;
pub(crate) mod revision_pinned;
pub(crate) mod roots_answered;
pub(crate) mod roots_contained;
pub(crate) mod roots_followed;
pub(crate) mod sampling_bounded;
pub(crate) mod scopes_sufficient;
pub(crate) mod shape_checked;
pub(crate) mod structured_results_match;
pub(crate) mod subcapabilities_declared;
pub(crate) mod subscriptions_agreed;
pub(crate) mod task_questions_judged;
pub(crate) mod tasks_bounded;
pub(crate) mod tasks_owned;
pub(crate) mod trace_context_checked;
