//! What may be typed after `portcullis console`.

use clap::Args;

pub(super) const CONSOLE_EXAMPLE: &str = "\
Example: see and answer questions in a browser on this machine:
  portcullis console --open

It listens on 127.0.0.1 and takes connections of your own account only. The link that it prints
opens it once, within two minutes; where it runs, enter gives another one.";

pub(super) const STATUS_EXAMPLE: &str = "\
Example: what whoever runs servers has to see to, and where each stands on this machine:
  portcullis status --checklist";

/// `portcullis status`.
#[derive(Args, Debug)]
pub struct Status {
    /// What has to be seen to, where it stands here, and the tests that show it
    #[arg(long, required = true)]
    pub checklist: bool,
}

/// `portcullis console`.
#[derive(Args, Debug)]
pub struct Console {
    /// Open the link in the desktop's browser
    #[arg(long)]
    pub open: bool,
    /// The port on 127.0.0.1 [default: a free one]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
}
